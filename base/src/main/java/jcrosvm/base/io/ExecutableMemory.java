package jcrosvm.base.io;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;

/**
 * Memory for machine code that this process generates.
 *
 * <p>Preferably the same pages twice, once writable and once executable, so that no address is both; where a memfd may
 * not be executable, one mapping that is both.
 */
public final class ExecutableMemory implements AutoCloseable {
    private static final int MFD_CLOEXEC = 1;
    private static final int MFD_EXEC = 0x10; // since Linux 6.3

    private final Mapping writable;
    private final Mapping executable;

    private ExecutableMemory(Mapping writable, Mapping executable) {
        this.writable = writable;
        this.executable = executable;
    }

    /**
     * Zeroed pages.
     *
     * @param name shown in /proc/PID/maps where the host allows two mappings
     * @param size bytes, a multiple of the page size
     * @throws VmmException when the host refuses executable memory
     */
    public static ExecutableMemory allocate(String name, long size) {
        try {
            return shared(name, size);
        } catch (OsException e) {
            return single(size, e);
        }
    }

    private static ExecutableMemory shared(String name, long size) {
        try (Fd fd = memfd(name)) {
            fd.truncate(size);
            Mapping executable = Mapping.executable(fd, size);
            return new ExecutableMemory(Mapping.shared(fd, 0, size), executable);
        }
    }

    private static Fd memfd(String name) {
        try (Arena arena = Arena.ofConfined()) {
            long text = arena.allocateFrom(name).address();
            int n = Libc.MEMFD_CREATE.callInt(text, MFD_CLOEXEC | MFD_EXEC);
            if (n < 0) {
                n = Libc.MEMFD_CREATE.callInt(text, MFD_CLOEXEC);
            }
            return Fd.adopt(Libc.check("memfd_create", n));
        }
    }

    private static ExecutableMemory single(long size, OsException first) {
        try {
            Mapping both = Mapping.writableAndExecutable(size);
            return new ExecutableMemory(both, both);
        } catch (OsException e) {
            throw new VmmException(
                    "the host refuses executable memory (a memfd: " + first.errnoName() + ", anonymous: "
                            + e.errnoName() + "); look for MemoryDenyWriteExecute= of the systemd unit, SELinux's"
                            + " execmem, or vm.memfd_noexec",
                    e);
        }
    }

    /** Where code is written. */
    public MemorySegment segment() {
        return writable.segment();
    }

    /** Where the first byte of {@link #segment} executes. */
    public long address() {
        return executable.segment().address();
    }

    /**
     * Calls machine code as a C function of one argument. Nothing is allocated.
     *
     * @param address an executable one; anything else ends the process
     */
    public static long call(long address, long argument) {
        try {
            return (long) Native.CALL.invokeExact(address, argument);
        } catch (Throwable t) {
            throw new AssertionError("generated code threw", t);
        }
    }

    /** Unmaps at once. Running or touching it afterwards ends the process. */
    @Override
    public void close() {
        writable.unmap();
        executable.unmap();
    }

    // A fixed entry takes the address as an argument: a segment made for each call would be an allocation.
    private static final class Native {
        // mov rax, rdi; mov rdi, rsi; jmp rax
        private static final byte[] ENTRY = {
            0x48, (byte) 0x89, (byte) 0xf8, 0x48, (byte) 0x89, (byte) 0xf7, (byte) 0xff, (byte) 0xe0
        };
        private static final ExecutableMemory MEMORY = allocate("jcrosvm-call", Mapping.PAGE);
        static final MethodHandle CALL = handle();

        private static MethodHandle handle() {
            if (!System.getProperty("os.arch").equals("amd64")) {
                throw new VmmException("generated code needs an x86-64 host, this is " + System.getProperty("os.arch"));
            }
            MEMORY.segment().copyFrom(MemorySegment.ofArray(ENTRY));
            ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
            return Linker.nativeLinker()
                    .downcallHandle(MemorySegment.ofAddress(MEMORY.address()), FunctionDescriptor.of(word, word, word));
        }
    }
}
