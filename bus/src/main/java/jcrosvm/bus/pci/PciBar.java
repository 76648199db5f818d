package jcrosvm.bus.pci;

import jcrosvm.bus.BusDevice;

/**
 * A base address register and what answers behind it.
 *
 * @param index 0 to 5; a 64-bit one takes the next register too
 * @param size a power of two, at least 16 for memory and 4 for ports
 */
public record PciBar(int index, Kind kind, boolean prefetchable, long size, BusDevice device) {
    /** The three kinds of BAR. */
    public enum Kind {
        IO,
        MEMORY_32,
        MEMORY_64
    }

    public PciBar {
        long least = kind == Kind.IO ? 4 : 16;
        if (index < 0
                || index > (kind == Kind.MEMORY_64 ? 4 : 5)
                || Long.bitCount(size) != 1
                || size < least
                || (kind == Kind.IO && size > 256)
                || (kind == Kind.MEMORY_32 && size > 1L << 31)) {
            throw new IllegalArgumentException("BAR " + index + ": " + kind + " of " + size + " bytes");
        }
    }

    /** A 32-bit memory BAR. */
    public static PciBar memory32(int index, long size, BusDevice device) {
        return new PciBar(index, Kind.MEMORY_32, false, size, device);
    }

    /** A 64-bit memory BAR. */
    public static PciBar memory64(int index, long size, boolean prefetchable, BusDevice device) {
        return new PciBar(index, Kind.MEMORY_64, prefetchable, size, device);
    }

    /** A port BAR, at most 256 ports (PCI Local Bus 3.0, 6.2.5.1). */
    public static PciBar io(int index, long size, BusDevice device) {
        return new PciBar(index, Kind.IO, false, size, device);
    }

    /** The read-only low bits of the register. */
    int flags() {
        return switch (kind) {
            case IO -> 1;
            case MEMORY_32 -> prefetchable ? 8 : 0;
            case MEMORY_64 -> prefetchable ? 12 : 4;
        };
    }
}
