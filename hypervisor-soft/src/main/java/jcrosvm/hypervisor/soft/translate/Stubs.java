package jcrosvm.hypervisor.soft.translate;

import jcrosvm.hypervisor.soft.cpu.StateLayout;

/** The code between Java and blocks: written once at the start of a code cache. */
final class Stubs {
    /** A C function of the state's address; goes to {@link Frame#ENTRY}. */
    final int enter;
    /** The same with the XMM registers and MXCSR loaded. */
    final int enterWithXmm;
    /** Goes back to the caller of {@link #enter}; the number of a site is on the stack. */
    final int leave;
    /** A subroutine: the XMM registers and MXCSR become the guest's. */
    final int loadXmm;
    /** A subroutine: the time stamp counter into r10. */
    final int readTime;

    private static final int[] CALLEE_SAVED = {Assembler.RBX, Assembler.RBP, 12, 13, 14, 15};
    private static final int STATE = Frame.STATE;
    private static final int CLOCK_MONOTONIC = 1;

    private final Assembler out;

    Stubs(Assembler out) {
        this.out = out;
        loadXmm = out.position();
        loadXmm();
        enter = out.position();
        enter(false);
        enterWithXmm = out.position();
        enter(true);
        leave = out.position();
        leave();
        readTime = out.position();
        readTime();
    }

    private void enter(boolean xmm) {
        for (int register : CALLEE_SAVED) {
            out.push(register);
        }
        out.store64(STATE, Assembler.RDI, Frame.HOST_RSP);
        out.move64(STATE, Assembler.RDI);
        if (xmm) {
            out.emit(0xe8);
            out.emit32(loadXmm - (out.position() + 4));
        }
        registers(0x8b);
        out.rm(0xff, 4, STATE, Frame.ENTRY);
    }

    private void leave() {
        out.rm(0x8f, 0, STATE, Frame.SITE); // pop: the address counts from the new stack pointer
        out.store64(Frame.TEMP0, STATE, Frame.R10);
        out.store64(Frame.TEMP1, STATE, Frame.R11);
        registers(0x89);
        out.rm(0x80, 7, STATE, Frame.XMM_LOADED);
        out.emit(0);
        out.emit(0x0f, 0x84);
        int none = out.position();
        out.emit32(0);
        xmms(0x29, 0);
        out.rm(Assembler.M1 | 0xae, 3, STATE, StateLayout.MXCSR); // stmxcsr
        out.rm(Assembler.M1 | 0xae, 2, STATE, Frame.JVM_MXCSR); // ldmxcsr
        out.rm(0xc6, 0, STATE, Frame.XMM_LOADED);
        out.emit(0);
        out.jumpHere(none);
        out.load64(STATE, STATE, Frame.HOST_RSP);
        for (int i = CALLEE_SAVED.length; --i >= 0; ) {
            out.pop(CALLEE_SAVED[i]);
        }
        out.emit(0xc3);
    }

    private void readTime() {
        int called = 8; // bytes that the call put on the stack
        saved(0x89, called);
        out.rm(0x80, 7, STATE, Frame.XMM_LOADED + called);
        out.emit(0);
        out.emit(0x0f, 0x84);
        int none = out.position();
        out.emit32(0);
        xmms(0x29, called);
        out.jumpHere(none);
        out.emit(0xbf); // mov edi
        out.emit32(CLOCK_MONOTONIC);
        out.rm(0x8d | Assembler.W, Assembler.RSI, STATE, Frame.TIMESPEC + called);
        out.aluImmediate(Assembler.W, 5, STATE, 8); // aligned to 16 bytes
        out.rm(0xff, 2, STATE, Frame.CLOCK_GETTIME + called + 8);
        out.aluImmediate(Assembler.W, 0, STATE, 8);
        out.rm(0x69 | Assembler.W, Frame.TEMP0, STATE, Frame.TIMESPEC + called); // imul
        out.emit32(1_000_000_000);
        out.rm(0x03 | Assembler.W, Frame.TEMP0, STATE, Frame.TIMESPEC + 8 + called);
        out.rm(0x03 | Assembler.W, Frame.TEMP0, STATE, Frame.TIME_OFFSET + called);
        out.rm(0x80, 7, STATE, Frame.XMM_LOADED + called);
        out.emit(0);
        out.emit(0x0f, 0x84);
        none = out.position();
        out.emit32(0);
        xmms(0x28, called);
        out.jumpHere(none);
        saved(0x8b, called);
        out.emit(0xc3);
    }

    /** Those that C code may change, but for the temporary ones. */
    private void saved(int opcode, int called) {
        int[] registers = {Assembler.RAX, Assembler.RCX, Assembler.RDX, Assembler.RSI, Assembler.RDI, 8, 9};
        for (int i = 0; i < registers.length; i++) {
            out.rm(opcode | Assembler.W, registers[i], STATE, Frame.SAVED + 8 * i + called);
        }
    }

    private void xmms(int opcode, int called) {
        for (int i = 0; i < 16; i++) {
            out.rm(Assembler.M1 | opcode, i, STATE, StateLayout.XMM + 16 * i + called); // movaps
        }
    }

    private void registers(int opcode) {
        for (int guest = 0; guest < 16; guest++) {
            int host = Frame.host(guest);
            if (host >= 0) {
                out.rm(opcode | Assembler.W, host, STATE, StateLayout.GPR + 8 * guest);
            }
        }
    }

    private void loadXmm() {
        int called = 8; // bytes that the call put on the stack
        out.rm(Assembler.M1 | 0xae, 3, STATE, Frame.JVM_MXCSR + called);
        out.rm(Assembler.M1 | 0xae, 2, STATE, StateLayout.MXCSR + called);
        xmms(0x28, called);
        out.rm(0xc6, 0, STATE, Frame.XMM_LOADED + called);
        out.emit(1);
        out.emit(0xc3);
    }
}
