package jcrosvm.base.io;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.Reference;
import java.util.HexFormat;
import java.util.Objects;

/**
 * Compare-and-set that Java has no words for: 16 bytes at once, and values that are not aligned to their size (atomic
 * even across cache lines). For x86-64 hosts.
 */
public final class WideAtomics {
    // The code takes the address of five longs: where, the expected value's low and high half, the new value's.
    // mov rsi,[rdi]; mov rax,[rdi+8]; mov rcx,[rdi+24]
    private static final String LOAD = "488b37" + "488b4708" + "488b4f18";
    // sete al; movzx eax,al
    private static final String RESULT = "0f94c0" + "0fb6c0";

    private static final String[] CODE = {
        LOAD + "66f00fb10e" + RESULT + "c3", // lock cmpxchg [rsi],cx
        LOAD + "f00fb10e" + RESULT + "c3", // lock cmpxchg [rsi],ecx
        LOAD + "f0480fb10e" + RESULT + "c3", // lock cmpxchg [rsi],rcx
        // push rbx; ...; mov rdx,[rdi+16]; mov rbx,[rdi+24]; mov rcx,[rdi+32]; lock cmpxchg16b [rsi]; ...; pop rbx
        "53488b37488b4708488b5710488b5f18488b4f20" + "f0480fc70e" + RESULT + "5bc3",
    };
    private static final int STRIDE = 64;
    private static final ExecutableMemory MEMORY = code();

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

    private WideAtomics() {}

    private static ExecutableMemory code() {
        ExecutableMemory memory = ExecutableMemory.allocate("jcrosvm-atomics", Mapping.PAGE);
        for (int i = 0; i < CODE.length; i++) {
            byte[] bytes = HexFormat.of().parseHex(CODE[i]);
            MemorySegment.copy(bytes, 0, memory.segment(), ValueLayout.JAVA_BYTE, (long) i * STRIDE, bytes.length);
        }
        return memory;
    }

    /**
     * Atomically replaces {@code expected} by {@code value}.
     *
     * @param size 2, 4 or 8 bytes; only as many low bits of the values count
     * @param target native memory
     */
    public static boolean compareAndSet(MemorySegment target, long offset, int size, long expected, long value) {
        return run(Integer.numberOfTrailingZeros(size) - 1, target, offset, size, expected, 0, value, 0);
    }

    /** The same for 16 bytes, which must be aligned to 16. */
    public static boolean compareAndSet(
            MemorySegment target, long offset, long expectedLow, long expectedHigh, long low, long high) {
        if ((target.address() + offset & 15) != 0) {
            throw new IllegalArgumentException("not aligned to 16: offset " + offset + " of " + target);
        }
        return run(3, target, offset, 16, expectedLow, expectedHigh, low, high);
    }

    private static boolean run(
            int code,
            MemorySegment target,
            long offset,
            int size,
            long expectedLow,
            long expectedHigh,
            long low,
            long high) {
        Objects.checkFromIndexSize(offset, size, target.byteSize());
        if (!target.isNative() || target.isReadOnly()) {
            throw new IllegalArgumentException("not native and writable: " + target);
        }
        MemorySegment block = Scratch.get();
        block.set(LONG, 0, target.address() + offset);
        block.set(LONG, 8, expectedLow);
        block.set(LONG, 16, expectedHigh);
        block.set(LONG, 24, low);
        block.set(LONG, 32, high);
        try {
            return ExecutableMemory.call(MEMORY.address() + (long) code * STRIDE, block.address()) != 0;
        } finally {
            Reference.reachabilityFence(target);
        }
    }
}
