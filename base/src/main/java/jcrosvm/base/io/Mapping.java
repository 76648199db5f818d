package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;

/**
 * A range of this process's address space from mmap(2).
 *
 * <p>The range is unmapped when neither the mapping nor any slice of its segment is reachable any more, so no Java code
 * can touch memory that is gone. {@link #unmap()} does it at once, for a caller that knows that no other thread looks.
 */
public final class Mapping {
    public static final long PAGE = 4096;

    private static final int PROT_READ = 1;
    private static final int PROT_WRITE = 2;
    private static final int PROT_EXEC = 4;
    private static final int MAP_SHARED = 1;
    private static final int MAP_PRIVATE = 2;
    private static final int MAP_FIXED = 0x10;
    private static final int MAP_ANONYMOUS = 0x20;
    private static final int MAP_NORESERVE = 0x4000;
    private static final int MADV_HUGEPAGE = 14;
    private static final int MADV_DONTDUMP = 16;
    private static final int MLOCK_ONFAULT = 1;

    private final MemorySegment segment;
    private final AtomicBoolean mapped = new AtomicBoolean(true);

    private Mapping(long address, long size) {
        AtomicBoolean state = mapped; // not this: the cleanup must not keep the mapping alive
        segment = MemorySegment.ofAddress(address).reinterpret(size, Arena.ofAuto(), s -> unmap(state, address, size));
    }

    private static long map(String what, long address, long size, int protection, int flags, int fd, long offset) {
        long at = Libc.MMAP.call(address, size, protection, flags, fd, offset, 0);
        if (at == -1) {
            throw new OsException(what, Libc.errno());
        }
        return at;
    }

    /** Address space without access rights, to be filled by {@link #mapShared(long, long, Fd, long, boolean)}. */
    public static Mapping reserve(long size) {
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        return new Mapping(map("cannot reserve " + size + " bytes of address space", 0, size, 0, flags, -1, 0), size);
    }

    /** Maps a descriptor, shared and writable. */
    public static Mapping shared(Fd fd, long offset, long size) {
        int protection = PROT_READ | PROT_WRITE;
        return new Mapping(map("mmap", 0, size, protection, MAP_SHARED, fd.number(), offset), size);
    }

    /** Maps a descriptor, shared, readable and executable. */
    static Mapping executable(Fd fd, long size) {
        int protection = PROT_READ | PROT_EXEC;
        return new Mapping(map("mmap", 0, size, protection, MAP_SHARED, fd.number(), 0), size);
    }

    /** Zeroed private pages, writable and executable. */
    static Mapping writableAndExecutable(long size) {
        int protection = PROT_READ | PROT_WRITE | PROT_EXEC;
        return new Mapping(map("mmap", 0, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size);
    }

    /** Zeroed private pages. */
    public static Mapping anonymous(long size) {
        int flags = MAP_PRIVATE | MAP_ANONYMOUS;
        return new Mapping(map("mmap", 0, size, PROT_READ | PROT_WRITE, flags, -1, 0), size);
    }

    /** Replaces {@code [at, at+size)} of this reservation by shared pages of {@code fd}. All page-aligned. */
    public void mapShared(long at, long size, Fd fd, long offset, boolean writable) {
        int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
        MemorySegment part = segment.asSlice(at, size);
        map("mmap", part.address(), size, protection, MAP_SHARED | MAP_FIXED, fd.number(), offset);
    }

    /** Takes {@code [at, at+size)} back to the state of {@link #reserve}. */
    public void unmapPart(long at, long size) {
        MemorySegment part = segment.asSlice(at, size);
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
        map("mmap", part.address(), size, 0, flags, -1, 0);
    }

    /**
     * Replaces {@code [at, at+size)} by zeroed private pages, at once for all threads: when this returns, no access of
     * this process reaches the old pages, and a late one finds zeros. Transfers that the kernel has begun may end in the
     * old pages.
     */
    public void replaceByZeros(long at, long size) {
        MemorySegment part = segment.asSlice(at, size);
        int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
        map("mmap", part.address(), size, PROT_READ | PROT_WRITE, flags, -1, 0);
    }

    public MemorySegment segment() {
        return segment;
    }

    /** Asks for transparent huge pages; a kernel that does not offer them is not an error. */
    public void adviseHugePages(long at, long size) {
        Libc.MADVISE.callInt(segment.asSlice(at, size).address(), size, MADV_HUGEPAGE);
    }

    /** Keeps the range out of core dumps, where the kernel can. */
    public void excludeFromDump(long at, long size) {
        Libc.MADVISE.callInt(segment.asSlice(at, size).address(), size, MADV_DONTDUMP);
    }

    /** Locks pages into memory as they are touched. */
    public void lock(long at, long size) {
        long address = segment.asSlice(at, size).address();
        Libc.check(
                "cannot lock guest memory (raise RLIMIT_MEMLOCK: ulimit -l)",
                Libc.MLOCK2.callInt(address, size, MLOCK_ONFAULT));
    }

    /** Unmaps at once. Touching the segment afterwards ends the process. */
    public void unmap() {
        unmap(mapped, segment.address(), segment.byteSize());
    }

    private static void unmap(AtomicBoolean state, long address, long size) {
        if (state.compareAndSet(true, false)) {
            Libc.MUNMAP.callInt(address, size);
        }
    }
}
