package jcrosvm.boot;

import jcrosvm.base.VmmException;
import jcrosvm.config.Help;
import jcrosvm.config.Required;
import org.jspecify.annotations.Nullable;

/**
 * {@code --pci}: where the PCI windows lie.
 *
 * @param mem the 32-bit MMIO window, of which whole MiB are used; absent: all that is free below the firmware
 * @param ecam the enhanced configuration window; absent: 64 MiB at 0xF4000000
 */
public record PciConfig(
        @Help("for BARs below 4 GiB") @Nullable Window mem,
        @Help("for the configuration space") @Nullable Window ecam) {
    private static final long MIB = 1L << 20;
    private static final long FOUR_GIB = 1L << 32;

    /** An address and, if not to be chosen, a size in bytes. */
    public record Window(
            @Required @Help(argument = "ADDRESS") long start,
            @Help(argument = "BYTES") @Nullable Long size) {}

    public static PciConfig defaults() {
        return new PciConfig(null, null);
    }

    /** @throws VmmException if a window is not below 4 GiB, or that of the configuration space misaligned */
    public void validate() {
        if (mem != null) {
            check("mem", mem);
        }
        if (ecam != null) {
            check("ecam", ecam);
            aligned(ecam);
            long size = ecam.size == null ? MemoryLayout.ECAM_SIZE : ecam.size;
            if (size > 256 * MIB || Long.bitCount(size) != 1 || ecam.start % size != 0) {
                throw new VmmException(
                        "pci ecam: start 0x%x, size 0x%x: the size must be a power of two of at most 256 MiB and the start a multiple of it"
                                .formatted(ecam.start, size));
            }
        }
    }

    private static void aligned(Window window) {
        long size = window.size == null ? MIB : window.size;
        if (window.start % MIB != 0 || size % MIB != 0) {
            throw new VmmException(
                    "pci ecam: start 0x%x, size 0x%x: both must be multiples of 1 MiB".formatted(window.start, size));
        }
    }

    private static void check(String name, Window window) {
        long size = window.size == null ? MIB : window.size;
        if (size <= 0) {
            throw new VmmException("pci %s: the size must not be 0".formatted(name));
        }
        if (window.start < MIB || window.start >= FOUR_GIB || size > FOUR_GIB - window.start) {
            throw new VmmException(
                    "pci %s: 0x%x+0x%x must lie between 1 MiB and 4 GiB".formatted(name, window.start, size));
        }
    }
}
