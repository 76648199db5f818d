package jcrosvm.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Mapping;
import jcrosvm.base.io.SharedMemory;
import org.jspecify.annotations.Nullable;

/**
 * All RAM of one guest.
 *
 * <p>Addresses are guest physical. Multi-byte values are little-endian and need not be aligned, except for the acquire
 * and release accessors. Every access outside RAM is a {@link GuestMemoryException}. Methods may be called from any
 * thread; nothing here orders plain accesses of different threads.
 *
 * <p>{@link #close()} gives the pages back to the host at once. The address range itself goes when no slice of it is
 * reachable any more, so a late access reads zeros instead of ending the process.
 */
public final class GuestMemory implements AutoCloseable {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final VarHandle ALIGNED_SHORT = ValueLayout.JAVA_SHORT.varHandle();
    private static final VarHandle ALIGNED_INT = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle ALIGNED_LONG = ValueLayout.JAVA_LONG.varHandle();

    private final Mapping reservation;
    private final MemorySegment all;
    private final MemoryRegion[] regions;
    private volatile @Nullable DirtyTracker tracker;

    /** A range of guest addresses to be RAM; both page-aligned. */
    public record Range(long address, long size) {}

    /** How the host provides the pages. */
    public record Options(boolean hugePages, boolean locked) {
        public static final Options DEFAULT = new Options(false, false);
    }

    /**
     * Creates zeroed RAM.
     *
     * @param ranges ascending, not overlapping
     */
    public GuestMemory(List<Range> ranges, Options options) {
        long end = 0;
        for (Range range : ranges) {
            boolean aligned = (range.address | range.size) % Mapping.PAGE == 0;
            if (!aligned || range.address < end || range.size <= 0) {
                throw new IllegalArgumentException("bad RAM range " + range);
            }
            end = range.address + range.size;
        }
        reservation = Mapping.reserve(end);
        all = reservation.segment();
        List<MemoryRegion> made = new ArrayList<>();
        try {
            for (Range range : ranges) {
                SharedMemory backing = SharedMemory.create("jcrosvm-ram", range.size);
                made.add(new MemoryRegion(range.address, range.size, backing, made.size()));
                reservation.mapShared(range.address, range.size, backing.fd(), 0, true);
                if (options.hugePages) {
                    reservation.adviseHugePages(range.address, range.size);
                }
                reservation.excludeFromDump(range.address, range.size);
                if (options.locked) {
                    reservation.lock(range.address, range.size);
                }
            }
        } catch (RuntimeException e) {
            made.forEach(region -> region.backing().close());
            throw e;
        }
        regions = made.toArray(MemoryRegion[]::new);
    }

    /** One region from address 0: enough for tests and tiny guests. */
    public static GuestMemory ofSize(long size) {
        return new GuestMemory(List.of(new Range(0, size)), Options.DEFAULT);
    }

    public List<MemoryRegion> regions() {
        return List.of(regions);
    }

    /** Bytes of RAM. */
    public long size() {
        long size = 0;
        for (MemoryRegion region : regions) {
            size += region.size();
        }
        return size;
    }

    /** Whether the whole range is RAM within one region. */
    public boolean contains(long address, long length) {
        for (MemoryRegion region : regions) {
            if (region.contains(address, length)) {
                return true;
            }
        }
        return false;
    }

    private void check(long address, long length) {
        for (MemoryRegion region : regions) {
            if (region.contains(address, length)) {
                return;
            }
        }
        throw new GuestMemoryException(address, length);
    }

    /** The host's view of a range inside one region. The guest can change it at any time. */
    public MemorySegment slice(long address, long length) {
        check(address, length);
        return all.asSlice(address, length);
    }

    /**
     * Where a range inside one region lies in this process, for the kernel: it is good for as long as this object is
     * reachable.
     */
    public long hostAddress(long address, long length) {
        return slice(address, length).address();
    }

    /** Appends a range inside one region to a list for the operating system. Writes to it are the caller's to report. */
    public void addTo(IoVec vec, long address, long length) {
        check(address, length);
        vec.add(all, address, length);
    }

    public byte getByte(long address) {
        check(address, 1);
        return all.get(ValueLayout.JAVA_BYTE, address);
    }

    public short getShort(long address) {
        check(address, 2);
        return all.get(SHORT, address);
    }

    public int getInt(long address) {
        check(address, 4);
        return all.get(INT, address);
    }

    public long getLong(long address) {
        check(address, 8);
        return all.get(LONG, address);
    }

    public void putByte(long address, byte value) {
        check(address, 1);
        all.set(ValueLayout.JAVA_BYTE, address, value);
        written(address, 1);
    }

    public void putShort(long address, short value) {
        check(address, 2);
        all.set(SHORT, address, value);
        written(address, 2);
    }

    public void putInt(long address, int value) {
        check(address, 4);
        all.set(INT, address, value);
        written(address, 4);
    }

    public void putLong(long address, long value) {
        check(address, 8);
        all.set(LONG, address, value);
        written(address, 8);
    }

    /** Reads a value written by another thread or vCPU; what was written before it is visible after. Aligned. */
    public short loadAcquireShort(long address) {
        check(address, 2);
        return (short) ALIGNED_SHORT.getAcquire(all, address);
    }

    public int loadAcquireInt(long address) {
        check(address, 4);
        return (int) ALIGNED_INT.getAcquire(all, address);
    }

    public long loadAcquireLong(long address) {
        check(address, 8);
        return (long) ALIGNED_LONG.getAcquire(all, address);
    }

    /** Publishes a value: what this thread wrote before is visible to whoever acquires it. Aligned. */
    public void storeReleaseShort(long address, short value) {
        check(address, 2);
        ALIGNED_SHORT.setRelease(all, address, value);
        written(address, 2);
    }

    public void storeReleaseInt(long address, int value) {
        check(address, 4);
        ALIGNED_INT.setRelease(all, address, value);
        written(address, 4);
    }

    public void storeReleaseLong(long address, long value) {
        check(address, 8);
        ALIGNED_LONG.setRelease(all, address, value);
        written(address, 8);
    }

    /** Copies guest memory into {@code into[offset..offset+length)}. */
    public void read(long address, byte[] into, int offset, int length) {
        check(address, length);
        MemorySegment.copy(all, ValueLayout.JAVA_BYTE, address, into, offset, length);
    }

    public byte[] read(long address, int length) {
        byte[] bytes = new byte[length];
        read(address, bytes, 0, length);
        return bytes;
    }

    public void write(long address, byte[] from, int offset, int length) {
        check(address, length);
        MemorySegment.copy(from, offset, all, ValueLayout.JAVA_BYTE, address, length);
        written(address, length);
    }

    public void write(long address, byte[] from) {
        write(address, from, 0, from.length);
    }

    public void write(long address, MemorySegment from) {
        check(address, from.byteSize());
        MemorySegment.copy(from, 0, all, address, from.byteSize());
        written(address, from.byteSize());
    }

    public void fill(long address, long length, byte value) {
        check(address, length);
        all.asSlice(address, length).fill(value);
        written(address, length);
    }

    /**
     * Reads a file straight into guest RAM.
     *
     * @return bytes read; less than {@code length} at the end of the file
     */
    public long readFrom(Fd file, long position, long address, long length) {
        check(address, length);
        long done = 0;
        while (done < length) {
            long n = file.pread(all.asSlice(address + done, length - done), position + done);
            if (n == 0) {
                break;
            }
            done += n;
        }
        written(address, done);
        return done;
    }

    /** Writes guest RAM straight to a file. */
    public void writeTo(Fd file, long position, long address, long length) {
        check(address, length);
        for (long done = 0; done < length; ) {
            done += file.pwrite(all.asSlice(address + done, length - done), position + done);
        }
    }

    /** Reports this process's writes from now on; null stops it. */
    public void trackWrites(@Nullable DirtyTracker newTracker) {
        tracker = newTracker;
    }

    /** Reports a write that was not made through this object: by the operating system, for us. */
    public void written(long address, long length) {
        DirtyTracker to = tracker;
        if (to != null) {
            to.written(address, length);
        }
    }

    @Override
    public void close() {
        for (MemoryRegion region : regions) {
            if (region.backing().fd().isOpen()) {
                region.backing().discard(0, region.size());
                region.backing().close();
            }
        }
    }
}
