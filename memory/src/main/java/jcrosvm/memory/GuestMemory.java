package jcrosvm.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Mapping;
import jcrosvm.base.io.SharedMemory;

/**
 * All memory of one guest that devices can reach: its RAM, in regions that can be added and removed while other threads
 * read and write.
 *
 * <p>Addresses are guest physical, lengths are in bytes. Multi-byte values are little-endian and need not be aligned,
 * except for the acquire and release accessors. Every access that is not within one region is a
 * {@link GuestMemoryException}. Methods may be called from any thread and take no lock, but for those that change the
 * regions or listeners; nothing here orders plain accesses of different threads.
 *
 * <p>{@link #remove} and {@link #close} end the access to pages at once: the addresses of this process that showed them
 * show zeroed pages of no guest, so a late access finds zeros and a late write is lost, instead of ending the process.
 * These addresses go when no slice of them is reachable any more.
 */
public final class GuestMemory extends RegionTable {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final VarHandle ALIGNED_SHORT = ValueLayout.JAVA_SHORT.varHandle();
    private static final VarHandle ALIGNED_INT = ValueLayout.JAVA_INT.varHandle();
    private static final VarHandle ALIGNED_LONG = ValueLayout.JAVA_LONG.varHandle();

    /** Never changed, only replaced, under the lock of this. */
    private volatile WriteListener[] listeners = {};

    /** A range of guest addresses to be RAM; both page-aligned. */
    public record Range(long address, long size) {}

    /** How the host provides the pages. */
    public record Options(boolean hugePages, boolean locked) {
        public static final Options DEFAULT = new Options(false, false);
    }

    private GuestMemory(Options options) {
        super(options);
    }

    /**
     * Creates zeroed RAM: a memfd of its own for each range, whose size is sealed.
     *
     * @param ranges ascending, not overlapping
     * @throws IllegalArgumentException when they are not, or not of whole pages
     * @throws VmmException when the host does not have the memory
     */
    public GuestMemory(List<Range> ranges, Options options) {
        this(options);
        long end = 0;
        for (Range range : ranges) {
            boolean aligned = (range.address | range.size) % Mapping.PAGE == 0;
            if (!aligned || range.address < end || range.size <= 0) {
                throw new IllegalArgumentException("bad RAM range " + range);
            }
            end = range.address + range.size;
        }
        try {
            for (Range range : ranges) {
                make(range);
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    private void make(Range range) {
        Fd fd = SharedMemory.create("jcrosvm-ram", range.size).fd();
        try {
            add(new MemoryRegion(range.address, range.size, fd, 0));
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
    }

    /** One region from address 0: enough for tests and tiny guests. */
    public static GuestMemory ofSize(long size) {
        return new GuestMemory(List.of(new Range(0, size)), Options.DEFAULT);
    }

    /**
     * The memory of a guest that another process made. It owns the descriptors from now on, also when it fails.
     *
     * @throws VmmException as {@link #add}
     */
    public static GuestMemory of(List<MemoryRegion> regions) {
        GuestMemory memory = new GuestMemory(Options.DEFAULT);
        try {
            regions.forEach(memory::add);
        } catch (RuntimeException e) {
            regions.forEach(region -> region.fd().close());
            memory.close();
            throw e;
        }
        return memory;
    }

    /**
     * The host's view of a range. The guest can change it at any time. Writes to it are the caller's to report by
     * {@link #written}.
     */
    public MemorySegment slice(long address, long length) {
        RegionNode in = find(address, length);
        return in.segment.asSlice(address - in.address, length);
    }

    /** Where a range lies in this process, for the kernel: until its region is removed, while this object is reachable. */
    public long hostAddress(long address, long length) {
        return slice(address, length).address();
    }

    /**
     * Appends a range to a list for the operating system. Writes to it are the caller's to report.
     *
     * @throws IllegalStateException when the list is full
     */
    public void addTo(IoVec vec, long address, long length) {
        RegionNode in = find(address, length);
        vec.add(in.segment, address - in.address, length);
    }

    /** Reads a byte. */
    public byte getByte(long address) {
        RegionNode in = find(address, 1);
        return in.segment.get(ValueLayout.JAVA_BYTE, address - in.address);
    }

    /** Reads 2 bytes. */
    public short getShort(long address) {
        RegionNode in = find(address, 2);
        return in.segment.get(SHORT, address - in.address);
    }

    /** Reads 4 bytes. */
    public int getInt(long address) {
        RegionNode in = find(address, 4);
        return in.segment.get(INT, address - in.address);
    }

    /** Reads 8 bytes. */
    public long getLong(long address) {
        RegionNode in = find(address, 8);
        return in.segment.get(LONG, address - in.address);
    }

    /** Writes a byte. */
    public void putByte(long address, byte value) {
        RegionNode in = find(address, 1);
        in.segment.set(ValueLayout.JAVA_BYTE, address - in.address, value);
        written(address, 1);
    }

    /** Writes 2 bytes. */
    public void putShort(long address, short value) {
        RegionNode in = find(address, 2);
        in.segment.set(SHORT, address - in.address, value);
        written(address, 2);
    }

    /** Writes 4 bytes. */
    public void putInt(long address, int value) {
        RegionNode in = find(address, 4);
        in.segment.set(INT, address - in.address, value);
        written(address, 4);
    }

    /** Writes 8 bytes. */
    public void putLong(long address, long value) {
        RegionNode in = find(address, 8);
        in.segment.set(LONG, address - in.address, value);
        written(address, 8);
    }

    /**
     * Reads 2 bytes that another thread or a vCPU wrote; what it wrote before is visible after.
     *
     * @throws IllegalArgumentException when the address is not aligned; so for all of these
     */
    public short loadAcquireShort(long address) {
        RegionNode in = find(address, 2);
        return (short) ALIGNED_SHORT.getAcquire(in.segment, address - in.address);
    }

    /** Reads 4 bytes as {@link #loadAcquireShort} does. */
    public int loadAcquireInt(long address) {
        RegionNode in = find(address, 4);
        return (int) ALIGNED_INT.getAcquire(in.segment, address - in.address);
    }

    /** Reads 8 bytes as {@link #loadAcquireShort} does. */
    public long loadAcquireLong(long address) {
        RegionNode in = find(address, 8);
        return (long) ALIGNED_LONG.getAcquire(in.segment, address - in.address);
    }

    /**
     * Writes 2 bytes; what this thread wrote before is visible to a thread or vCPU that acquires them.
     *
     * @throws IllegalArgumentException when the address is not aligned; so for all of these
     */
    public void storeReleaseShort(long address, short value) {
        RegionNode in = find(address, 2);
        ALIGNED_SHORT.setRelease(in.segment, address - in.address, value);
        written(address, 2);
    }

    /** Writes 4 bytes as {@link #storeReleaseShort} does. */
    public void storeReleaseInt(long address, int value) {
        RegionNode in = find(address, 4);
        ALIGNED_INT.setRelease(in.segment, address - in.address, value);
        written(address, 4);
    }

    /** Writes 8 bytes as {@link #storeReleaseShort} does. */
    public void storeReleaseLong(long address, long value) {
        RegionNode in = find(address, 8);
        ALIGNED_LONG.setRelease(in.segment, address - in.address, value);
        written(address, 8);
    }

    /** Copies guest memory into {@code into[offset..offset+length)}. */
    public void read(long address, byte[] into, int offset, int length) {
        RegionNode in = find(address, length);
        MemorySegment.copy(in.segment, ValueLayout.JAVA_BYTE, address - in.address, into, offset, length);
    }

    /** A copy of a range. */
    public byte[] read(long address, int length) {
        byte[] bytes = new byte[length];
        read(address, bytes, 0, length);
        return bytes;
    }

    /** Copies {@code from[offset..offset+length)} into guest memory. */
    public void write(long address, byte[] from, int offset, int length) {
        RegionNode in = find(address, length);
        MemorySegment.copy(from, offset, in.segment, ValueLayout.JAVA_BYTE, address - in.address, length);
        written(address, length);
    }

    /** Copies all of an array into guest memory. */
    public void write(long address, byte[] from) {
        write(address, from, 0, from.length);
    }

    /** Copies all of a segment into guest memory. */
    public void write(long address, MemorySegment from) {
        RegionNode in = find(address, from.byteSize());
        MemorySegment.copy(from, 0, in.segment, address - in.address, from.byteSize());
        written(address, from.byteSize());
    }

    /** Sets all bytes of a range to one value. */
    public void fill(long address, long length, byte value) {
        slice(address, length).fill(value);
        written(address, length);
    }

    /**
     * Gives pages back to the host: they read as zero from then on, in all processes that map the file.
     *
     * @throws jcrosvm.base.OsException when the file system cannot free a part of a file
     */
    public void discard(long address, long length) {
        free(address, length);
        written(address, length);
    }

    /**
     * Reads a file straight into guest memory.
     *
     * @param position of the first byte in the file
     * @return bytes read; less than {@code length} at the end of the file
     * @throws jcrosvm.base.OsException when the file cannot be read
     */
    public long readFrom(Fd file, long position, long address, long length) {
        MemorySegment into = slice(address, length);
        long done = 0;
        while (done < length) {
            long n = file.pread(into.asSlice(done), position + done);
            if (n == 0) {
                break;
            }
            done += n;
        }
        written(address, done);
        return done;
    }

    /**
     * Writes guest memory straight to a file.
     *
     * @param position of the first byte in the file
     * @throws jcrosvm.base.OsException when the file cannot be written
     */
    public void writeTo(Fd file, long position, long address, long length) {
        MemorySegment from = slice(address, length);
        for (long done = 0; done < length; ) {
            done += file.pwrite(from.asSlice(done), position + done);
        }
    }

    /**
     * Tells one more listener of all writes from now on.
     *
     * @throws IllegalArgumentException when it is told already
     */
    public synchronized void addWriteListener(WriteListener listener) {
        if (List.of(listeners).contains(listener)) {
            throw new IllegalArgumentException("added twice: " + listener);
        }
        WriteListener[] next = Arrays.copyOf(listeners, listeners.length + 1);
        next[listeners.length] = listener;
        listeners = next;
    }

    /** Tells a listener of no more writes; it may be in a call of another thread's still. Harmless if it is not told. */
    public synchronized void removeWriteListener(WriteListener listener) {
        listeners = Arrays.stream(listeners)
                .filter(other -> !other.equals(listener))
                .toArray(WriteListener[]::new);
    }

    /** Reports a write that was not made through this object, but through a slice or by the operating system for us. */
    public void written(long address, long length) {
        for (WriteListener listener : listeners) {
            listener.written(address, length);
        }
    }
}
