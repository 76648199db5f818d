package jcrosvm.bus;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/**
 * An address space with devices in it: one for ports, one for memory. Thread-safe.
 *
 * <p>Look-up takes no lock and allocates nothing: it searches a sorted array that {@link #insert} and {@link #remove}
 * replace. A search over the few dozen ranges of a machine takes five or six steps on data that stays in the cache,
 * less than the exit that led here by two orders of magnitude; a memory of the last hit would save nothing.
 *
 * <p>Reads that no device claims are all ones, writes are dropped. An access that begins in one range and runs out of
 * it is taken apart into bytes.
 */
public final class Bus {
    private final String name;
    private final long size;
    private volatile Table table = new Table(List.of());

    /**
     * @param name for messages, such as {@code "port"}
     * @param size number of addresses
     */
    public Bus(String name, long size) {
        this.name = name;
        this.size = size;
    }

    /** The 65536 I/O ports. */
    public static Bus ports() {
        return new Bus("port", 0x10000);
    }

    /** The physical address space, 52 bits. */
    public static Bus memory() {
        return new Bus("memory", 1L << 52);
    }

    /** Devices and where they are, by address. */
    public List<Range> ranges() {
        return List.of(table.ranges);
    }

    /**
     * Puts a device at {@code [base, base + size)}. A device may be inserted at several ranges.
     *
     * @throws VmmException when the range is empty, not on this bus, or overlaps another
     */
    public synchronized void insert(BusDevice device, long base, long size) {
        Range range = new Range(device, base, size);
        if (size <= 0 || base < 0 || base > this.size - size) {
            throw new VmmException(range + " does not fit the " + name + " bus");
        }
        Range other = overlapping(base, size);
        if (other != null) {
            throw new VmmException(range + " overlaps " + other + " on the " + name + " bus");
        }
        List<Range> ranges = new ArrayList<>(Arrays.asList(table.ranges));
        ranges.add(range);
        table = new Table(ranges);
    }

    /** As {@link #insert}, but answers whether there was room instead of throwing. */
    public synchronized boolean tryInsert(BusDevice device, long base, long size) {
        if (size <= 0 || base < 0 || base > this.size - size || overlapping(base, size) != null) {
            return false;
        }
        insert(device, base, size);
        return true;
    }

    /** Takes away the device at exactly this range; false when there is none. Accesses under way still finish. */
    public synchronized boolean remove(long base, long size) {
        List<Range> ranges = new ArrayList<>(Arrays.asList(table.ranges));
        boolean removed = ranges.removeIf(r -> r.base == base && r.size == size);
        if (removed) {
            table = new Table(ranges);
        }
        return removed;
    }

    private @Nullable Range overlapping(long base, long size) {
        for (Range r : table.ranges) {
            if (base < r.base + r.size && r.base < base + size) {
                return r;
            }
        }
        return null;
    }

    /**
     * @param size 1 to 8
     * @return the value, zero-extended
     */
    public long read(long address, int size) {
        Table t = table;
        int i = t.floor(address);
        if (i >= 0) {
            Range r = t.ranges[i];
            long offset = address - r.base;
            if (offset <= r.size - size) {
                return r.device.read(offset, size) & ones(size);
            }
        }
        return readBytes(t, address, size);
    }

    /** @param size 1 to 8 */
    public void write(long address, int size, long value) {
        Table t = table;
        int i = t.floor(address);
        if (i >= 0) {
            Range r = t.ranges[i];
            long offset = address - r.base;
            if (offset <= r.size - size) {
                r.device.write(offset, size, value & ones(size));
                return;
            }
        }
        writeBytes(t, address, size, value);
    }

    private static long readBytes(Table t, long address, int size) {
        if (!t.touches(address, size)) {
            return ones(size);
        }
        long value = 0;
        for (int n = 0; n < size; n++) {
            int i = t.floor(address + n);
            long b = 0xff;
            if (i >= 0 && address + n - t.ranges[i].base < t.ranges[i].size) {
                b = t.ranges[i].device.read(address + n - t.ranges[i].base, 1) & 0xff;
            }
            value |= b << (8 * n);
        }
        return value;
    }

    private static void writeBytes(Table t, long address, int size, long value) {
        if (!t.touches(address, size)) {
            return;
        }
        for (int n = 0; n < size; n++) {
            int i = t.floor(address + n);
            if (i >= 0 && address + n - t.ranges[i].base < t.ranges[i].size) {
                t.ranges[i].device.write(address + n - t.ranges[i].base, 1, value >>> (8 * n) & 0xff);
            }
        }
    }

    /** A value of {@code size} bytes with every bit set: the answer where there is no device. */
    public static long ones(int size) {
        return size >= 8 ? -1L : (1L << (8 * size)) - 1;
    }

    /** A device at its place. */
    public record Range(BusDevice device, long base, long size) {
        @Override
        public String toString() {
            return "%s at 0x%x-0x%x".formatted(device.name(), base, base + size - 1);
        }
    }

    private static final class Table {
        final Range[] ranges;
        final long[] bases;

        Table(List<Range> ranges) {
            this.ranges = ranges.stream()
                    .sorted((a, b) ->
                            Long.compare(a.base, b.base)) // a lambda of the JDK's would be linked at each start
                    .toArray(Range[]::new);
            bases = new long[this.ranges.length];
            Arrays.setAll(bases, i -> this.ranges[i].base);
        }

        // The last range that begins at or below the address, or -1.
        int floor(long address) {
            int low = 0;
            int high = bases.length - 1;
            while (low <= high) {
                int middle = (low + high) >>> 1;
                if (bases[middle] <= address) {
                    low = middle + 1;
                } else {
                    high = middle - 1;
                }
            }
            return high;
        }

        boolean touches(long address, int size) {
            int i = floor(address + size - 1);
            return i >= 0 && address - ranges[i].base < ranges[i].size;
        }
    }
}
