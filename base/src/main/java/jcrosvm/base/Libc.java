package jcrosvm.base;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * The table of C library functions, all called through one shape of seven longs.
 *
 * <p>Passing more arguments than a C function takes is harmless in the calling conventions of Linux on x86-64 and
 * aarch64 (the caller owns the argument area), and one shape keeps start-up short. Neither cares that some of the
 * functions are variadic: integers travel as they always do, and the number of vector registers, which x86-64 wants in
 * al, only tells a function what it may save. Functions that return {@code int} leave the upper half of the result
 * undefined: use {@link #callInt}.
 */
public enum Libc {
    ABS("abs"),
    ACCEPT4("accept4"),
    BIND("bind"),
    CLOCK_GETTIME("clock_gettime"),
    CLOSE("close"),
    CONNECT("connect"),
    DUP3("dup3"),
    EPOLL_CREATE1("epoll_create1"),
    EPOLL_CTL("epoll_ctl"),
    EPOLL_WAIT("epoll_wait"),
    EVENTFD("eventfd"),
    FALLOCATE("fallocate"),
    FCNTL("fcntl"),
    FDATASYNC("fdatasync"),
    FLOCK("flock"),
    FSYNC("fsync"),
    FTRUNCATE("ftruncate"),
    GETPGRP("getpgrp"),
    GETPPID("getppid"),
    GETTID("gettid"),
    IOCTL("ioctl"),
    ISATTY("isatty"),
    LISTEN("listen"),
    LSEEK("lseek"),
    MADVISE("madvise"),
    MEMFD_CREATE("memfd_create"),
    MLOCK2("mlock2"),
    MMAP("mmap"),
    MUNMAP("munmap"),
    OPEN("open"),
    POLL("poll"),
    POSIX_SPAWN("posix_spawn"),
    SPAWN_ATTR_DESTROY("posix_spawnattr_destroy"),
    SPAWN_ATTR_FLAGS("posix_spawnattr_setflags"),
    SPAWN_ATTR_INIT("posix_spawnattr_init"),
    SPAWN_ATTR_SIGDEFAULT("posix_spawnattr_setsigdefault"),
    SPAWN_ATTR_SIGMASK("posix_spawnattr_setsigmask"),
    SPAWN_CLOSE_FROM("posix_spawn_file_actions_addclosefrom_np", true),
    SPAWN_DUP2("posix_spawn_file_actions_adddup2"),
    SPAWN_FILES_DESTROY("posix_spawn_file_actions_destroy"),
    SPAWN_FILES_INIT("posix_spawn_file_actions_init"),
    PRCTL("prctl"),
    PREAD("pread"),
    PREADV("preadv"),
    PREADV2("preadv2"),
    PWRITE("pwrite"),
    PWRITEV("pwritev"),
    PWRITEV2("pwritev2"),
    READ("read"),
    READV("readv"),
    RECVMSG("recvmsg"),
    SCHED_GETAFFINITY("sched_getaffinity"),
    SCHED_SETAFFINITY("sched_setaffinity"),
    SCHED_SETSCHEDULER("sched_setscheduler"),
    SENDMSG("sendmsg"),
    SIGACTION("sigaction"),
    SIGNAL_MASK("pthread_sigmask"),
    SOCKET("socket"),
    SOCKETPAIR("socketpair"),
    STATX("statx"),
    STRERROR("strerror"),
    SYSCALL("syscall"),
    TCGETATTR("tcgetattr"),
    TCSETATTR("tcsetattr"),
    TGKILL("tgkill"),
    TIMERFD_CREATE("timerfd_create"),
    TIMERFD_SETTIME("timerfd_settime"),
    UNLINK("unlink"),
    UNSHARE("unshare"),
    WAITID("waitid"),
    WRITE("write"),
    WRITEV("writev");

    // Loaded on the first call of the table; a holder, since an enum's constants cannot use its statics.
    private static final class Native {
        static final MethodHandle CALL = Linker.nativeLinker()
                .downcallHandle(
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_LONG),
                        Linker.Option.captureCallState("errno"));

        static final ThreadLocal<MemorySegment> ERRNO =
                ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(Linker.Option.captureStateLayout()));
    }

    private final MemorySegment address;

    Libc(String symbol) {
        this(symbol, false);
    }

    /** @param isOptional whether a C library may lack it: {@link #isThere} is to be asked then */
    Libc(String symbol, boolean isOptional) {
        address = Linker.nativeLinker()
                .defaultLookup()
                .find(symbol)
                .or(() -> isOptional ? Optional.of(MemorySegment.NULL) : Optional.empty())
                .orElseThrow(() -> new VmmException("the C library has no function " + symbol));
    }

    /** Whether this C library has the function. */
    public boolean isThere() {
        return !address.equals(MemorySegment.NULL);
    }

    /** Calls the function; the result is as wide as the C type says, errors are not looked at. */
    public long call(long a, long b, long c, long d, long e, long f, long g) {
        try {
            return (long) Native.CALL.invokeExact(address, Native.ERRNO.get(), a, b, c, d, e, f, g);
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable t) {
            throw new AssertionError(this + ": a native call threw", t);
        }
    }

    public long call(long a) {
        return call(a, 0, 0, 0, 0, 0, 0);
    }

    public long call(long a, long b, long c) {
        return call(a, b, c, 0, 0, 0, 0);
    }

    public long call(long a, long b, long c, long d) {
        return call(a, b, c, d, 0, 0, 0);
    }

    public int callInt(long a) {
        return (int) call(a, 0, 0, 0, 0, 0, 0);
    }

    public int callInt(long a, long b) {
        return (int) call(a, b, 0, 0, 0, 0, 0);
    }

    public int callInt(long a, long b, long c) {
        return (int) call(a, b, c, 0, 0, 0, 0);
    }

    public int callInt(long a, long b, long c, long d) {
        return (int) call(a, b, c, d, 0, 0, 0);
    }

    /** Address of the function, for tables of function pointers. */
    public long address() {
        return address.address();
    }

    /** The errno of this thread's last call; only meaningful right after a call that failed. */
    public static int errno() {
        return Native.ERRNO.get().get(ValueLayout.JAVA_INT, 0);
    }

    /**
     * Returns {@code result}, or throws if it is negative.
     *
     * @param call what was attempted, for the message
     */
    public static long check(String call, long result) {
        if (result < 0) {
            throw new OsException(call, errno());
        }
        return result;
    }

    public static int check(String call, int result) {
        if (result < 0) {
            throw new OsException(call, errno());
        }
        return result;
    }

    /** The C string at an address the C library owns. */
    static String string(long address) {
        return MemorySegment.ofAddress(address).reinterpret(4096).getString(0);
    }
}
