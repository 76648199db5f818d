package jcrosvm.hypervisor.soft.translate;

import static jcrosvm.hypervisor.soft.translate.Assembler.W;
import static jcrosvm.hypervisor.soft.translate.Frame.STATE;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP0;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP1;

import java.util.Arrays;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.mmu.Tlb;
import org.jspecify.annotations.Nullable;

/** Pieces that translated instructions are made of: addresses, checks, flags, ways out. */
final class Emitter {
    private static final int JA = 0x87;
    private static final int JNE = 0x85;
    private static final int JE = 0x84;
    private static final int PAGE = 4096;

    final Assembler out = new Assembler();
    final Exits exits;
    final FlagCode flags = new FlagCode(out);
    private final Stubs stubs;

    /** Of the block: the TLB's context. */
    private int context;
    /** Its linear address. */
    private long start;

    private long pc;
    private long next;

    private boolean xmmLoaded;
    // How registers tell the flags ({@link FlagRecord#told}), or 0.
    private int told;
    private int toldImmediate;

    private int unknownFor;
    /** Offset of the block's start when it is emitted again for what comes around the loop; -1 in the first code. */
    private int loopStart;
    /** Where the first code jumps to it, or -1. */
    private int loopSlot;

    // Jumps to what is written behind the block: the slot to patch, the site; bit 31 of the site: save the flags first.
    private int[] exitSlot = new int[256];
    private int[] exitSite = new int[256];
    private int exitCount;

    private static final int SAVE_FIRST = 1 << 31;
    /** Instead of a site: load the XMM registers and come back behind the slot. */
    private static final int LOAD_XMM = -1;

    Emitter(Stubs stubs) {
        this.stubs = stubs;
        exits = new Exits(out, stubs.leave);
    }

    void begin(int newContext, long linear) {
        context = newContext;
        start = linear;
        out.position(0);
        exits.begin();
        exitCount = 0;
        xmmLoaded = false;
        told = 0;
        toldImmediate = 0;
        loopStart = -1;
        loopSlot = -1;
        flags.at(true, false);
    }

    void instruction(long address, int length) {
        pc = address;
        next = address + length;
    }

    /** Sites of the instruction find its flags by this other one and the registers, or, if it is null, in the frame. */
    void flagsSource(@Nullable Insn source) {
        told = source == null ? 0 : FlagRecord.told(source) << Sites.TOLD_SHIFT;
        toldImmediate = source == null ? 0 : FlagRecord.immediate(source);
    }

    long pc() {
        return pc;
    }

    long next() {
        return next;
    }

    // Registers

    /** The host register of a guest register, loaded into {@code temporary} if it lives in the state. */
    int register(int guest, int temporary) {
        int host = Frame.host(guest);
        if (host >= 0) {
            return host;
        }
        out.load64(temporary, STATE, StateLayout.GPR + 8 * guest);
        return temporary;
    }

    /** Stores what {@link #register} loaded, after it was changed. */
    void written(int guest, int host) {
        if (Frame.host(guest) < 0) {
            out.store64(host, STATE, StateLayout.GPR + 8 * guest);
        }
    }

    // Addresses

    private static boolean isConstant(Insn insn) {
        boolean none = insn.base == Insn.NONE && insn.index == Insn.NONE || insn.base == Insn.RIP;
        return none && insn.segment < Cpu.FS;
    }

    private long constantAddress(Insn insn) {
        long address = insn.base == Insn.RIP ? next + insn.disp : insn.disp;
        return insn.addressSize == 4 ? address & 0xffff_ffffL : address;
    }

    /** The effective address into r10, without the segment's base; leaves the flags alone. */
    void effectiveAddress(Insn insn) {
        int wide = insn.addressSize == 8 ? W : 0;
        int disp = (int) insn.disp;
        if (insn.base == Insn.RIP || insn.base == Insn.NONE && insn.index == Insn.NONE) {
            out.constant(TEMP0, constantAddress(insn));
            return;
        }
        int index = insn.index == Insn.NONE ? -1 : register(insn.index, TEMP1);
        if (insn.base == Insn.NONE) {
            out.rmNoBase(0x8d | wide, TEMP0, index, insn.scale, disp);
            return;
        }
        int from = register(insn.base, TEMP0);
        if (index >= 0) {
            out.rm(0x8d | wide, TEMP0, from, index, insn.scale, disp);
        } else if (disp == 0) {
            out.rr(0x8b | wide, TEMP0, from);
        } else {
            out.rm(0x8d | wide, TEMP0, from, disp);
        }
    }

    /** Host address of the memory operand into r10. The flags must be saved if they are live. */
    void memory(Insn insn, int size, boolean write, boolean aligned) {
        int retry = out.position();
        if (isConstant(insn)) {
            checkConstant(constantAddress(insn), size, write, aligned);
            return;
        }
        effectiveAddress(insn);
        segment(insn);
        check(retry, size, write, aligned);
    }

    void segment(Insn insn) {
        if (insn.segment >= Cpu.FS) {
            out.rm(0x03 | W, TEMP0, STATE, StateLayout.SEGMENT_BASE + 8 * insn.segment);
        }
    }

    /** Host address of what lies {@code displacement} from a host register into r10. */
    void memoryAt(int host, int displacement, int size, boolean write) {
        int retry = out.position();
        if (displacement == 0) {
            out.move64(TEMP0, host);
        } else {
            out.rm(0x8d | W, TEMP0, host, displacement);
        }
        check(retry, size, write, false);
    }

    /** From the linear address in r10 to the host address there; destroys r11 and the flags. */
    void check(int retry, int size, boolean write, boolean aligned) {
        int entries = Tlb.offset(context);
        int tag = entries + (write ? Tlb.WRITE : Tlb.READ);
        out.move64(TEMP1, TEMP0);
        out.rr(0xc1 | W, 5, TEMP1); // shr
        out.emit(Tlb.INDEX_SHIFT);
        out.aluImmediate(0, 4, TEMP1, Tlb.INDEX_MASK);
        out.rm(0x33 | W, TEMP0, STATE, TEMP1, 0, tag); // xor
        compare(size, exits.add(Sites.MISS | miss(size, write, aligned), pc, retry, toldImmediate));
        out.rm(0x03 | W, TEMP0, STATE, TEMP1, 0, entries + Tlb.PAGE);
        if (aligned) {
            checkAlignment(size);
        }
    }

    private void checkConstant(long linear, int size, boolean write, boolean aligned) {
        int retry = out.position();
        int entry = Tlb.offset(context) + ((int) (linear >>> Tlb.INDEX_SHIFT) & Tlb.INDEX_MASK);
        out.constant(TEMP0, linear);
        out.rm(0x33 | W, TEMP0, STATE, entry + (write ? Tlb.WRITE : Tlb.READ));
        int info = Sites.MISS_CONSTANT | miss(size, write, aligned);
        compare(size, exits.addConstantMiss(info, pc, retry, toldImmediate, linear));
        out.rm(0x03 | W, TEMP0, STATE, entry + Tlb.PAGE);
        if (aligned) {
            checkAlignment(size);
        }
    }

    private int miss(int size, boolean write, boolean aligned) {
        int info = size << Sites.SIZE_SHIFT | (xmmLoaded ? Sites.XMM : 0) | told;
        return info | (write ? Sites.WRITE : 0) | (aligned ? Sites.ALIGNED : 0);
    }

    private void compare(int size, int site) {
        out.aluImmediate(W, 7, TEMP0, PAGE - size);
        exit(JA, site);
        flags.destroyed();
    }

    /**
     * After {@link #memory} and kin, for a locked access: one that is not aligned is the interpreter's, because it may be
     * to two cache lines.
     */
    void locked(Insn insn, int size) {
        if (size > 1 && insn.isLocked()) {
            checkAlignment(size);
        }
    }

    private void checkAlignment(int size) {
        out.rr(0xf6, 0, TEMP0); // test r10b, imm8
        out.emit(size - 1);
        exit(JNE, interpret());
    }

    // Ways out

    private int interpret() {
        return exits.add(Sites.INTERPRET | told, pc, 0, toldImmediate);
    }

    /** A conditional jump (second opcode byte) to the interpreter for the present instruction. */
    void interpretIf(int condition) {
        exit(condition, interpret());
    }

    private void exit(int condition, int site) {
        out.emit(0x0f, condition);
        remember(out.position(), site);
        out.emit32(0);
    }

    private void remember(int slot, int site) {
        if (exitCount == exitSlot.length) {
            exitSlot = Arrays.copyOf(exitSlot, 2 * exitCount);
            exitSite = Arrays.copyOf(exitSite, 2 * exitCount);
        }
        exitSlot[exitCount] = slot;
        exitSite[exitCount++] = site;
    }

    /** The rest of the block is the interpreter's. */
    void interpretNow() {
        if (flags.onlyInRegister()) {
            flags.keep();
        }
        exits.leave(interpret(), out.position());
    }

    /**
     * Whether a direct jump goes to another page. That of a page's last instruction may be in another page, too, if it
     * crosses into it.
     */
    boolean isFar(long target) {
        return (target ^ start) >>> 12 != 0 || (target & PAGE - 1) > PAGE - Decoder.MAX_LENGTH;
    }

    /** A direct jump; {@code condition} 0 for always, and always so for one that {@link #isFar}. */
    void jump(int condition, long target, boolean live) {
        if (isFar(target)) {
            jumpFar(target, live);
        } else {
            jumpNear(condition, target, live);
        }
    }

    /** Within a page: to be linked. */
    private void jumpNear(int condition, long target, boolean live) {
        out.align4(condition == 0 ? 1 : 2);
        if (condition == 0) {
            out.emit(0xe9);
        } else {
            out.emit(0x0f, condition);
        }
        boolean registers = live && flags.onlyInRegister();
        int info = Sites.LINK | (registers ? Sites.NATIVE_FLAGS : 0);
        int site = exits.add(info, target, out.position());
        remember(out.position(), registers ? site | SAVE_FIRST : site);
        out.emit32(0);
    }

    /** By the jump cache: the same code serves processors that see different pages there. */
    private void jumpFar(long target, boolean live) {
        flags.clobber(live);
        out.constant(TEMP0, target);
        int pair = Frame.jumps(context) + Frame.jumpOffset(target);
        out.rm(0x3b | W, TEMP0, STATE, pair);
        exit(JNE, exits.add(Sites.FAR, target, 0));
        out.rm(0xff, 4, STATE, pair + 8);
    }

    /** At the target of the block's branch, or 0 when the flags are known there: {@link Sites#POLL}. */
    void unknownFor(int instructions) {
        unknownFor = instructions;
    }

    /** Leaves if something is pending, to go on at {@code target}. */
    void poll(long target, boolean live) {
        flags.clobber(live);
        out.rm(0x83, 7, STATE, StateLayout.PENDING);
        out.emit(0);
        exit(JNE, exits.add(Sites.POLL | told, target, told == 0 ? unknownFor : 0, toldImmediate));
    }

    /** A jump to the block's own start, where flags are neither live nor in the frame. */
    void jumpAround() {
        out.emit(0xe9);
        if (loopStart < 0) {
            loopSlot = out.position();
            out.emit32(0);
        } else {
            out.emit32(loopStart - (out.position() + 4));
        }
    }

    /** Here begins the code that {@link #jumpAround} goes to. */
    void aroundLoop() {
        while ((out.position() & 15) != 0) {
            out.emit(0x90);
        }
        out.jumpHere(loopSlot);
        loopStart = out.position();
        flags.at(false, false);
    }

    /**
     * A jump to the linear address in r10.
     *
     * @param popped by how much the instruction has already raised the stack pointer
     */
    void jumpIndirect(int popped) {
        jumpIndirect(popped, context);
    }

    /** The same to code of another context. */
    void jumpIndirect(int popped, int newContext) {
        flags.clobber(true);
        int site = exits.add(Sites.INDIRECT, pc, popped);
        out.rm(0x83, 7, STATE, StateLayout.PENDING);
        out.emit(0);
        exit(JNE, site);
        out.rr(0x69, TEMP1, TEMP0); // imul
        out.emit32(Frame.JUMP_FACTOR);
        out.rr(0xc1, 5, TEMP1); // shr
        out.emit(Frame.JUMP_SHIFT);
        out.aluImmediate(0, 4, TEMP1, Frame.JUMP_MASK);
        int pairs = Frame.jumps(newContext);
        out.rm(0x3b | W, TEMP0, STATE, TEMP1, 0, pairs);
        exit(JNE, site);
        out.rm(0xff, 4, STATE, TEMP1, 0, pairs + 8);
    }

    /** Before the first instruction of a block that uses XMM registers. */
    void needXmm(boolean live) {
        if (xmmLoaded) {
            return;
        }
        flags.clobber(live);
        out.rm(0x80, 7, STATE, Frame.XMM_LOADED);
        out.emit(0);
        exit(JE, LOAD_XMM);
        xmmLoaded = true;
    }

    /** The time stamp counter into r10; destroys r11 and the flags. */
    void readTime() {
        out.emit(0xe8);
        exits.reference(stubs.readTime);
    }

    /** What lies behind the block. */
    void finish() {
        for (int i = 0; i < exitCount; i++) {
            int slot = exitSlot[i];
            int site = exitSite[i];
            if (site == LOAD_XMM) {
                out.jumpHere(slot);
                out.emit(0xe8);
                exits.reference(stubs.loadXmm);
                out.emit(0xe9);
                out.emit32(slot + 4 - (out.position() + 4));
                continue;
            }
            int number = site & ~SAVE_FIRST;
            if (exits.hasStub(number)) {
                out.jump(slot, exits.stub(number));
                continue;
            }
            out.jumpHere(slot);
            int start = out.position();
            if ((site & SAVE_FIRST) != 0) {
                flags.store();
            }
            exits.leave(number, start);
        }
    }
}
