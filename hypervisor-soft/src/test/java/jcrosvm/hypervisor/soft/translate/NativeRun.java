package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.io.ExecutableMemory;
import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.soft.cpu.Rflags;

/** Runs a sequence of instructions on the host itself: all general and XMM registers and the flags in and out. */
final class NativeRun implements AutoCloseable {
    private static final int FLAGS = 128;
    private static final int STACK = 136;
    private static final int JVM_MXCSR = 144;
    private static final int MXCSR = 148;
    private static final int XMM = 160;
    private static final int[] SAVED = {Assembler.RBX, Assembler.RBP, 12, 13, 14, 15};

    private final ExecutableMemory memory = ExecutableMemory.allocate("test-native", 16 * Mapping.PAGE);
    private final MemorySegment state = Arena.ofAuto().allocate(512, 64);

    long gpr(int n) {
        return state.get(ValueLayout.JAVA_LONG, 8L * n);
    }

    void gpr(int n, long value) {
        state.set(ValueLayout.JAVA_LONG, 8L * n, value);
    }

    long xmm(int n) {
        return state.get(ValueLayout.JAVA_LONG, XMM + 8L * n);
    }

    void xmm(int n, long value) {
        state.set(ValueLayout.JAVA_LONG, XMM + 8L * n, value);
    }

    int mxcsr() {
        return state.get(ValueLayout.JAVA_INT, MXCSR);
    }

    void mxcsr(int value) {
        state.set(ValueLayout.JAVA_INT, MXCSR, value);
    }

    /** Arithmetic flags. */
    long flags() {
        long saved = state.get(ValueLayout.JAVA_LONG, FLAGS);
        return saved >> 8 & 0xd5 | (saved & 1) * Rflags.OF;
    }

    void flags(long flags) {
        state.set(ValueLayout.JAVA_LONG, FLAGS, flags & Rflags.ARITHMETIC | Rflags.FIXED);
    }

    void run(byte[] code) {
        Assembler out = new Assembler();
        for (int register : SAVED) {
            out.push(register);
        }
        out.store64(Assembler.RSP, Assembler.RDI, STACK);
        out.rm(Assembler.M1 | 0xae, 3, Assembler.RDI, JVM_MXCSR);
        out.rm(Assembler.M1 | 0xae, 2, Assembler.RDI, MXCSR);
        for (int i = 0; i < 16; i++) {
            out.rm(Assembler.M1 | 0x10, i, Assembler.RDI, XMM + 16 * i);
        }
        out.rm(0xff, 6, Assembler.RDI, FLAGS); // push
        out.emit(0x9d); // popfq
        for (int i = 0; i < 16; i++) {
            if (i != Assembler.RDI) {
                out.load64(i, Assembler.RDI, 8 * i);
            }
        }
        out.load64(Assembler.RDI, Assembler.RDI, 8 * Assembler.RDI);
        for (byte b : code) {
            out.emit(b);
        }
        out.emit(0x48, 0xa3);
        out.emit64(state.address());
        out.emit(0x9f); // lahf
        out.rr(Assembler.M1 | 0x90, 0, Assembler.RAX);
        out.emit(0x48, 0xa3);
        out.emit64(state.address() + FLAGS);
        out.constant(Assembler.RAX, state.address());
        for (int i = 1; i < 16; i++) {
            out.store64(i, Assembler.RAX, 8 * i);
        }
        for (int i = 0; i < 16; i++) {
            out.rm(Assembler.M1 | 0x11, i, Assembler.RAX, XMM + 16 * i);
        }
        out.rm(Assembler.M1 | 0xae, 3, Assembler.RAX, MXCSR);
        out.rm(Assembler.M1 | 0xae, 2, Assembler.RAX, JVM_MXCSR);
        out.load64(Assembler.RSP, Assembler.RAX, STACK);
        out.emit(0xfc); // cld
        for (int i = SAVED.length; --i >= 0; ) {
            out.pop(SAVED[i]);
        }
        out.emit(0xc3);
        out.copyTo(memory.segment(), 0);
        ExecutableMemory.call(memory.address(), state.address());
    }

    @Override
    public void close() {
        memory.close();
    }
}
