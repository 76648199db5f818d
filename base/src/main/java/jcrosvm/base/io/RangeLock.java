package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.Errno;
import jcrosvm.base.Libc;

/**
 * Shared locks on single bytes of a file that belong to the open file description (fcntl(2), "open file description
 * locks"): they do not vanish when the process closes another descriptor of the file, and they hold between two opens
 * in one process.
 */
public final class RangeLock {
    private static final int F_OFD_GETLK = 36;
    private static final int F_OFD_SETLK = 37;
    private static final short F_RDLCK = 0;
    private static final short F_WRLCK = 1;
    private static final short F_UNLCK = 2;

    // struct flock on 64-bit: short type, short whence, long start, long length, int pid
    private static final int SIZE_OF_FLOCK = 32;
    private static final int START = 8;
    private static final int LENGTH = 16;

    private RangeLock() {}

    /** Locks one byte for shared use, without waiting: 0, or the negated errno (EAGAIN: an exclusive lock is there). */
    public static int tryShare(Fd file, long offset) {
        return call(file, F_OFD_SETLK, F_RDLCK, offset) == F_RDLCK ? 0 : -lastErrno();
    }

    /** Gives one byte back; harmless when it was not locked. */
    public static void release(Fd file, long offset) {
        call(file, F_OFD_SETLK, F_UNLCK, offset);
    }

    /** Whether another open file description holds a lock of any kind on a byte; false too where locks do not exist. */
    public static boolean isHeldByOthers(Fd file, long offset) {
        int found = call(file, F_OFD_GETLK, F_WRLCK, offset);
        return found == F_RDLCK || found == F_WRLCK;
    }

    // The type that the structure has after the call, or -1.
    private static int call(Fd file, int command, short type, long offset) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment flock = arena.allocate(SIZE_OF_FLOCK, 8);
            flock.set(ValueLayout.JAVA_SHORT, 0, type);
            flock.set(ValueLayout.JAVA_LONG, START, offset);
            flock.set(ValueLayout.JAVA_LONG, LENGTH, 1);
            int result = Libc.FCNTL.callInt(file.number(), command, flock.address());
            return result < 0 ? -1 : flock.get(ValueLayout.JAVA_SHORT, 0);
        }
    }

    private static int lastErrno() {
        int errno = Libc.errno();
        return errno == Errno.EACCES ? Errno.EAGAIN : errno;
    }
}
