package jcrosvm.hypervisor.soft.oracle;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import jcrosvm.base.io.ExecutableMemory;
import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.soft.cpu.StateLayout;

/**
 * Runs code on the processor that runs this test: registers from a block laid out as {@link StateLayout}, and back. What
 * it runs must not fault.
 */
final class NativeMachine implements AutoCloseable {
    /** Bytes of code to be written by others, behind what enters and leaves. */
    static final int CODE = 4096;

    private static final int HOST_RSP = 160;
    private static final int LEAVE = 14;

    final ExecutableMemory code;
    final Mapping registers = Mapping.anonymous(4096);
    final Mapping window;

    private final MemorySegment text;
    private int at;
    private int target;
    private long leave;

    NativeMachine(int codeSize, int windowSize) {
        code = ExecutableMemory.allocate("jcrosvm-oracle", CODE + codeSize);
        window = Mapping.anonymous(windowSize);
        text = code.segment();
        enter();
        leave();
    }

    private void emit(String hex) {
        byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
        MemorySegment.copy(bytes, 0, text, ValueLayout.JAVA_BYTE, at, bytes.length);
        at += bytes.length;
    }

    private void emitLong(long value) {
        text.set(ValueLayout.JAVA_LONG_UNALIGNED, at, value);
        at += 8;
    }

    /** mov register to or from [base + disp32]. */
    private void move(boolean load, int register, int base, int disp) {
        int rex = 0x48 | (register >= 8 ? 4 : 0);
        emit("%02x %02x %02x".formatted(rex, load ? 0x8b : 0x89, 0x80 | (register & 7) << 3 | base));
        text.set(ValueLayout.JAVA_INT_UNALIGNED, at, disp);
        at += 4;
    }

    private void enter() {
        emit("53 55 41 54 41 55 41 56 41 57 48 83 ec 18 0f ae 1c 24 d9 7c 24 04"); // keep what a C caller expects
        move(false, 4, 7, HOST_RSP);
        emit("48 0f ae 8f 00 02 00 00"); // fxrstor64 [rdi + FX]
        emit("ff b7 88 00 00 00 9d"); // push [rdi + RFLAGS]; popfq
        for (int i = 0; i < 16; i++) {
            if (i != 7) {
                move(true, i, 7, 8 * i);
            }
        }
        move(true, 7, 7, 8 * 7);
        emit("ff 25 00 00 00 00"); // jmp [rip]
        target = at;
        emitLong(0);
    }

    private void leave() {
        leave = code.address() + at;
        emit("48 a3");
        emitLong(registers.segment().address());
        emit("48 b8");
        emitLong(registers.segment().address());
        for (int i = 1; i < 16; i++) {
            move(false, i, 0, 8 * i);
        }
        move(true, 4, 0, HOST_RSP);
        emit("9c 8f 80 88 00 00 00 fc"); // pushfq; pop [rax + RFLAGS]; cld
        emit("48 0f ae 80 00 02 00 00 db e3"); // fxsave64 [rax + FX]; fninit
        emit("0f ae 14 24 d9 6c 24 04 48 83 c4 18 41 5f 41 5e 41 5d 41 5c 5d 5b c3");
        if (at > CODE) {
            throw new AssertionError();
        }
    }

    /** Where code put at an offset (from {@link #CODE} on) runs. */
    long address(int offset) {
        return code.address() + offset;
    }

    /** Writes the jump that ends a sequence: 14 bytes. */
    void putLeave(int offset) {
        text.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, (short) 0x25ff);
        text.set(ValueLayout.JAVA_INT_UNALIGNED, offset + 2, 0);
        text.set(ValueLayout.JAVA_LONG_UNALIGNED, offset + 6, leave);
    }

    void run(int offset) {
        text.set(ValueLayout.JAVA_LONG_UNALIGNED, target, address(offset));
        ExecutableMemory.call(code.address(), registers.segment().address());
    }

    /** The same up to an offset; the code there is as it was afterwards. */
    void runTo(int offset, int end) {
        byte[] kept = text.asSlice(end, LEAVE).toArray(ValueLayout.JAVA_BYTE);
        putLeave(end);
        run(offset);
        MemorySegment.copy(kept, 0, text, ValueLayout.JAVA_BYTE, end, LEAVE);
    }

    @Override
    public void close() {
        code.close();
        registers.unmap();
        window.unmap();
    }
}
