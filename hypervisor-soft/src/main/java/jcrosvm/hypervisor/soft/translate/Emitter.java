package jcrosvm.hypervisor.soft.translate;

import static jcrosvm.hypervisor.soft.translate.Assembler.M1;
import static jcrosvm.hypervisor.soft.translate.Assembler.RAX;
import static jcrosvm.hypervisor.soft.translate.Assembler.W;
import static jcrosvm.hypervisor.soft.translate.Frame.STATE;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP0;
import static jcrosvm.hypervisor.soft.translate.Frame.TEMP1;

import java.util.Arrays;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.mmu.Tlb;

/** Pieces that translated instructions are made of: addresses, checks, flags, ways out. */
final class Emitter {
    private static final int JA = 0x87;
    private static final int JNE = 0x85;
    private static final int JE = 0x84;
    private static final int PAGE = 4096;

    final Assembler out = new Assembler();
    private final Sites sites;
    private final Stubs stubs;
    /** Where the buffer's start will lie in the code cache. */
    private int base;

    /** Of the block: the TLB's context. */
    private int context;
    /** Its physical page. */
    private long page;

    private long pc;
    private long next;

    /** The host's flags register holds the guest's arithmetic flags. */
    private boolean nativeFlags;
    /** {@link Frame#FLAGS} does. */
    private boolean savedFlags;

    private boolean xmmLoaded;
    /** The instruction whose flags the registers tell, or 0. */
    private long flagsSource;

    private int unknownFor;
    /** Offset of the block's start when it is emitted again for what comes around the loop; -1 in the first code. */
    private int loopStart;
    /** Where the first code jumps to it, or -1. */
    private int loopSlot;

    // Ways out, written behind the block: the slot to patch, the site; bit 31 of the site: save the flags first.
    private int[] exitSlot = new int[256];
    private int[] exitSite = new int[256];
    private int exits;

    private static final int SAVE_FIRST = 1 << 31;
    /** Instead of a site: load the XMM registers and come back behind the slot. */
    private static final int LOAD_XMM = -1;

    Emitter(Sites sites, Stubs stubs) {
        this.sites = sites;
        this.stubs = stubs;
    }

    void begin(int newBase, int newContext, long newPage) {
        base = newBase;
        context = newContext;
        page = newPage;
        out.position(0);
        exits = 0;
        xmmLoaded = false;
        flagsSource = 0;
        loopStart = -1;
        loopSlot = -1;
        nativeFlags = true;
        savedFlags = false;
    }

    void instruction(long address, int length) {
        pc = address;
        next = address + length;
    }

    /** Sites of the instruction find its flags by this other one and the registers, or, if it is 0, in the frame. */
    void flagsSource(long newSource) {
        flagsSource = newSource;
    }

    private int told(long sitePc) {
        return flagsSource == 0 ? 0 : Sites.toldFlags(sitePc, flagsSource);
    }

    long pc() {
        return pc;
    }

    long next() {
        return next;
    }

    // Flags

    boolean hasNativeFlags() {
        return nativeFlags;
    }

    boolean hasSavedFlags() {
        return savedFlags;
    }

    /** At a place that is reached with flags in these places. */
    void flags(boolean inRegister, boolean inState) {
        nativeFlags = inRegister;
        savedFlags = inState;
    }

    /** After an instruction that defines flags. */
    void flagsWritten() {
        nativeFlags = true;
        savedFlags = false;
    }

    /** Before code that destroys the host's flags, while the guest's are {@code live}. */
    void clobberFlags(boolean live) {
        if (live && !savedFlags) {
            saveFlags();
        }
        nativeFlags = false;
    }

    private void saveFlags() {
        storeFlags();
        savedFlags = true;
    }

    /** Behind an instruction whose flags may be shown and cannot be recorded. */
    void keepFlags() {
        if (!savedFlags) {
            saveFlags();
        }
    }

    private void storeFlags() {
        out.move64(TEMP1, RAX);
        out.emit(0xb8); // mov eax, 0: no record
        out.emit32(0);
        out.emit(0x9f); // lahf
        out.rr(M1 | 0x90, 0, RAX); // seto al
        out.rm(0x89, RAX, STATE, Frame.FLAGS);
        out.move64(RAX, TEMP1);
    }

    /** Before an instruction that looks at flags or leaves some of them as they are. */
    void needFlags() {
        if (!nativeFlags) {
            out.move64(TEMP1, RAX);
            loadFlags();
            out.move64(RAX, TEMP1);
            nativeFlags = true;
        }
    }

    /** The same while the temporary registers are in use. */
    void needFlagsKeepingTemporaries() {
        if (!nativeFlags) {
            out.store64(RAX, STATE, Frame.SAVED_RAX);
            loadFlags();
            out.load64(RAX, STATE, Frame.SAVED_RAX);
            nativeFlags = true;
        }
    }

    /** The guest's RFLAGS, but RF and VM, into r11; destroys r10. They must be saved. */
    void composeFlags() {
        out.rm(M1 | 0xb6, TEMP0, STATE, Frame.FLAGS); // movzx: OF
        out.rr(0xc1, 4, TEMP0); // shl
        out.emit(Integer.numberOfTrailingZeros(Rflags.OF));
        out.rm(M1 | 0xb6, TEMP1, STATE, Frame.FLAGS + 1);
        out.aluImmediate(0, 4, TEMP1, Rflags.ARITHMETIC & 0xff);
        out.rr(0x0b, TEMP1, TEMP0); // or
        out.load64(TEMP0, STATE, StateLayout.RFLAGS);
        out.aluImmediate(W, 4, TEMP0, ~(Rflags.ARITHMETIC | Rflags.RF | Rflags.VM));
        out.rr(0x0b | W, TEMP1, TEMP0);
    }

    private void loadFlags() {
        out.rm(M1 | 0xb7, RAX, STATE, Frame.FLAGS); // movzx
        out.emit(0x04, 0x7f); // add al, 7f: OF
        out.emit(0x9e); // sahf
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
        compare(size, sites.add(Sites.MISS | miss(size, write, aligned), pc, base + retry));
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
        int site = sites.add(info, pc, base + retry);
        sites.address(site, linear);
        compare(size, site);
        out.rm(0x03 | W, TEMP0, STATE, entry + Tlb.PAGE);
        if (aligned) {
            checkAlignment(size);
        }
    }

    private int miss(int size, boolean write, boolean aligned) {
        int info = size << Sites.SIZE_SHIFT | (xmmLoaded ? Sites.XMM : 0) | told(pc);
        return info | (write ? Sites.WRITE : 0) | (aligned ? Sites.ALIGNED : 0);
    }

    private void compare(int size, int site) {
        out.aluImmediate(W, 7, TEMP0, PAGE - size);
        exit(JA, site);
        nativeFlags = false;
    }

    private void checkAlignment(int size) {
        out.rr(0xf6, 0, TEMP0); // test r10b, imm8
        out.emit(size - 1);
        exit(JNE, interpret());
    }

    // Ways out

    private int interpret() {
        return sites.add(Sites.INTERPRET | told(pc), pc, 0);
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
        if (exits == exitSlot.length) {
            exitSlot = Arrays.copyOf(exitSlot, 2 * exits);
            exitSite = Arrays.copyOf(exitSite, 2 * exits);
        }
        exitSlot[exits] = slot;
        exitSite[exits++] = site;
    }

    /** The rest of the block is the interpreter's. */
    void interpretNow() {
        if (nativeFlags && !savedFlags) {
            saveFlags();
        }
        leave(interpret());
    }

    private void leave(int site) {
        sites.stub(site, base + out.position());
        out.emit(0x68); // push
        out.emit32(site);
        out.emit(0xe9);
        out.emit32(stubs.leave - (base + out.position() + 4));
    }

    /** A direct jump; {@code condition} 0 for always. */
    void jump(int condition, long target, boolean live) {
        out.align4(condition == 0 ? 1 : 2);
        if (condition == 0) {
            out.emit(0xe9);
        } else {
            out.emit(0x0f, condition);
        }
        boolean registers = live && nativeFlags && !savedFlags;
        boolean within = (target ^ pc) >>> 12 == 0;
        int info = Sites.LINK | (registers ? Sites.NATIVE_FLAGS : 0) | (within ? Sites.SAME_PAGE : 0);
        int site = sites.add(info, target, base + out.position());
        sites.address(site, page);
        remember(out.position(), registers ? site | SAVE_FIRST : site);
        out.emit32(0);
    }

    /** At the target of the block's branch, or 0 when the flags are known there: {@link Sites#POLL}. */
    void unknownFor(int instructions) {
        unknownFor = instructions;
    }

    /** Leaves if something is pending, to go on at {@code target}. */
    void poll(long target, boolean live) {
        clobberFlags(live);
        out.rm(0x83, 7, STATE, StateLayout.PENDING);
        out.emit(0);
        exit(JNE, sites.add(Sites.POLL | told(target), target, flagsSource == 0 ? unknownFor : 0));
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
        nativeFlags = false;
        savedFlags = false;
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
        clobberFlags(true);
        int site = sites.add(Sites.INDIRECT, pc, popped);
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
        clobberFlags(live);
        out.rm(0x80, 7, STATE, Frame.XMM_LOADED);
        out.emit(0);
        exit(JE, LOAD_XMM);
        xmmLoaded = true;
    }

    /** The time stamp counter into r10; destroys r11 and the flags. */
    void readTime() {
        out.emit(0xe8);
        out.emit32(stubs.readTime - (base + out.position() + 4));
    }

    /** What lies behind the block. */
    void finish() {
        for (int i = 0; i < exits; i++) {
            int slot = exitSlot[i];
            int site = exitSite[i];
            out.jumpHere(slot);
            if (site == LOAD_XMM) {
                out.emit(0xe8);
                out.emit32(stubs.loadXmm - (base + out.position() + 4));
                out.emit(0xe9);
                out.emit32(slot + 4 - (out.position() + 4));
                continue;
            }
            boolean save = (site & SAVE_FIRST) != 0;
            int number = site & ~SAVE_FIRST;
            int start = out.position();
            if (save) {
                storeFlags();
            }
            leave(number);
            sites.stub(number, base + start);
        }
    }
}
