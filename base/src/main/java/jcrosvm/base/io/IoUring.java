package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import jcrosvm.base.Errno;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;

/**
 * An io_uring(7): reads and writes that the kernel carries out on its own, many at a time, for one system call. Of one
 * thread. What is handed in is not carried out before {@link #submit}; what has come back is taken with {@link #next}.
 * Nothing is allocated per request.
 *
 * <p>The lists of memory belong to the kernel until their request has come back: the caller leaves them alone, and takes
 * everything back before {@link #close}.
 */
public final class IoUring implements AutoCloseable {
    /** Do not keep the pages in the cache (Linux 6.14, where the file system can). */
    public static final int RWF_DONTCACHE = 0x80;

    private static final int SYS_SETUP = 425;
    private static final int SYS_ENTER = 426;
    private static final int SYS_REGISTER = 427;

    private static final int SETUP_COOP_TASKRUN = 1 << 8;
    private static final int FEAT_SINGLE_MMAP = 1;
    private static final long OFF_SQES = 0x10000000L;
    private static final int ENTER_GETEVENTS = 1;
    private static final int REGISTER_EVENTFD = 4;
    private static final int CQ_EVENTFD_DISABLED = 1;

    private static final int OP_READV = 1;
    private static final int OP_WRITEV = 2;
    private static final int OP_FSYNC = 3;
    private static final int FSYNC_DATASYNC = 1;

    // struct io_uring_params
    private static final int PARAMS = 120;
    private static final int PARAMS_FLAGS = 8;
    private static final int PARAMS_FEATURES = 20;
    private static final int PARAMS_SQ = 40;
    private static final int PARAMS_CQ = 80;

    private static final int SQE = 64;
    private static final int CQE = 16;

    private static final VarHandle INT = ValueLayout.JAVA_INT.varHandle();

    private final Fd fd;
    private final EventFd completions = new EventFd();
    private final int entries;
    private final MemorySegment rings;
    private final MemorySegment sqes;
    private final long sqTail;
    private final int sqMask;
    private final long sqArray;
    private final long cqHead;
    private final long cqTail;
    private final int cqMask;
    private final long cqFlags;
    private final long cqes;

    private int tail;
    private int unsubmitted;
    private int inFlight;
    private int head;
    private long id;
    private int result;

    /**
     * @param entries requests in flight at a time, a power of two
     * @throws VmmException when the kernel has no io_uring, or forbids it
     */
    public IoUring(int entries) {
        this.entries = entries;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment params = arena.allocate(PARAMS, 8);
            fd = setup(entries, params);
            int sq = PARAMS_SQ;
            int cq = PARAMS_CQ;
            sqTail = params.get(ValueLayout.JAVA_INT, sq + 4);
            sqMask = params.get(ValueLayout.JAVA_INT, 0) - 1;
            sqArray = params.get(ValueLayout.JAVA_INT, sq + 24);
            cqHead = params.get(ValueLayout.JAVA_INT, cq);
            cqTail = params.get(ValueLayout.JAVA_INT, cq + 4);
            cqMask = params.get(ValueLayout.JAVA_INT, 4) - 1;
            cqes = params.get(ValueLayout.JAVA_INT, cq + 20);
            cqFlags = params.get(ValueLayout.JAVA_INT, cq + 24);
            try {
                if ((params.get(ValueLayout.JAVA_INT, PARAMS_FEATURES) & FEAT_SINGLE_MMAP) == 0) {
                    throw new VmmException("io_uring needs Linux 5.10 or newer");
                }
                long size = Math.max(sqArray + 4L * (sqMask + 1), cqes + (long) CQE * (cqMask + 1));
                rings = Mapping.shared(fd, 0, size).segment();
                sqes = Mapping.shared(fd, OFF_SQES, (long) SQE * (sqMask + 1)).segment();
                MemorySegment number = arena.allocateFrom(
                        ValueLayout.JAVA_INT, completions.fd().number());
                Libc.check("io_uring_register", (int)
                        Libc.SYSCALL.call(SYS_REGISTER, fd.number(), REGISTER_EVENTFD, number.address(), 1, 0, 0));
            } catch (RuntimeException e) {
                close();
                throw e;
            }
        }
        for (int i = 0; i <= sqMask; i++) {
            rings.set(ValueLayout.JAVA_INT, sqArray + 4L * i, i);
        }
    }

    private static Fd setup(int entries, MemorySegment params) {
        // Completions need no interrupt of a running thread; a kernel before 5.19 does not know the flag.
        for (int flags : new int[] {SETUP_COOP_TASKRUN, 0}) {
            params.fill((byte) 0);
            params.set(ValueLayout.JAVA_INT, PARAMS_FLAGS, flags);
            int number = (int) Libc.SYSCALL.call(SYS_SETUP, entries, params.address(), 0, 0, 0, 0);
            if (number >= 0) {
                return Fd.adopt(number);
            }
            if (Libc.errno() != Errno.EINVAL) {
                break;
            }
        }
        int errno = Libc.errno();
        throw errno == Errno.EPERM || errno == Errno.ENOSYS
                ? new VmmException("the kernel does not allow io_uring (" + Errno.name(errno)
                        + "): see /proc/sys/kernel/io_uring_disabled, or a filter of system calls")
                : new OsException("io_uring_setup", errno);
    }

    /** Readable when something has come back after {@link #listen}. */
    public EventFd completions() {
        return completions;
    }

    /** Whether no more can be handed in before something comes back. */
    public boolean isFull() {
        return inFlight == entries;
    }

    /** Requests that have been handed in and not come back. */
    public int inFlight() {
        return inFlight;
    }

    /** Reads at a position; the result is as of preadv2(2), errors negated. */
    public void readv(Fd file, IoVec into, long position, int flags, long requestId) {
        put(OP_READV, file, into.address(), into.count(), position, flags, requestId);
    }

    /** Writes at a position; the result is as of pwritev2(2), errors negated. */
    public void writev(Fd file, IoVec from, long position, int flags, long requestId) {
        put(OP_WRITEV, file, from.address(), from.count(), position, flags, requestId);
    }

    /** As fdatasync(2). */
    public void fdatasync(Fd file, long requestId) {
        put(OP_FSYNC, file, 0, 0, 0, FSYNC_DATASYNC, requestId);
    }

    private void put(int opcode, Fd file, long address, int length, long position, int flags, long requestId) {
        if (isFull()) {
            throw new IllegalStateException(entries + " requests are in flight");
        }
        long at = (long) SQE * (tail & sqMask);
        sqes.set(ValueLayout.JAVA_INT, at, opcode);
        sqes.set(ValueLayout.JAVA_INT, at + 4, file.number());
        sqes.set(ValueLayout.JAVA_LONG, at + 8, position);
        sqes.set(ValueLayout.JAVA_LONG, at + 16, address);
        sqes.set(ValueLayout.JAVA_INT, at + 24, length);
        sqes.set(ValueLayout.JAVA_INT, at + 28, flags);
        sqes.set(ValueLayout.JAVA_LONG, at + 32, requestId);
        sqes.set(ValueLayout.JAVA_LONG, at + 40, 0L);
        sqes.set(ValueLayout.JAVA_LONG, at + 48, 0L);
        sqes.set(ValueLayout.JAVA_LONG, at + 56, 0L);
        tail++;
        unsubmitted++;
        inFlight++;
        INT.setRelease(rings, sqTail, tail);
    }

    /** Gives the kernel what was handed in. */
    public void submit() {
        while (unsubmitted > 0) {
            enter(0);
        }
    }

    /** As {@link #submit}, and waits until something has come back, if anything is in flight. */
    public void submitAndWait() {
        submit();
        while (inFlight > 0 && !hasCompletion()) {
            enter(1);
        }
    }

    private void enter(int wait) {
        int flags = wait > 0 || unsubmitted == 0 ? ENTER_GETEVENTS : 0;
        int n = (int) Libc.SYSCALL.call(SYS_ENTER, fd.number(), unsubmitted, wait, flags, 0, 0);
        if (n >= 0) {
            unsubmitted -= n;
            return;
        }
        int errno = Libc.errno();
        if (errno != Errno.EINTR && errno != Errno.EAGAIN && errno != Errno.EBUSY) {
            throw new OsException("io_uring_enter", errno);
        }
    }

    private boolean hasCompletion() {
        return head != (int) INT.getAcquire(rings, cqTail);
    }

    /** Takes the next request that has come back; false when there is none now. */
    public boolean next() {
        if (!hasCompletion()) {
            return false;
        }
        long at = cqes + (long) CQE * (head & cqMask);
        id = rings.get(ValueLayout.JAVA_LONG, at);
        result = rings.get(ValueLayout.JAVA_INT, at + 8);
        head++;
        inFlight--;
        INT.setRelease(rings, cqHead, head);
        return true;
    }

    /** Of the request taken last. */
    public long id() {
        return id;
    }

    /** Of the request taken last: bytes, or a negated errno. */
    public int result() {
        return result;
    }

    /** Has {@link #completions} signalled from now on; whether something has come back already. */
    public boolean listen() {
        INT.setRelease(rings, cqFlags, 0);
        VarHandle.fullFence(); // the kernel must see this before we look for what came meanwhile
        return hasCompletion();
    }

    /** Does not have {@link #completions} signalled: the caller looks by itself. */
    public void mute() {
        INT.setRelease(rings, cqFlags, CQ_EVENTFD_DISABLED);
    }

    @Override
    public void close() {
        fd.close();
        completions.close();
    }
}
