package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/**
 * The x87 instructions that show or load control and status words: done on the FXSAVE image, since the host's unit
 * never sees the guest's exception masks. Instruction and data pointers read as zero.
 */
final class X87Control {
    static final int FCW = StateLayout.FX;
    static final int FSW = StateLayout.FX + 2;
    /** One bit a register, set when it is not empty. */
    static final int TAGS = StateLayout.FX + 4;

    static final int POINTERS = StateLayout.FX + 6;
    static final int ST = StateLayout.FX + 32;

    /** Exception flags and masks: invalid, denormal, zero divide, overflow, underflow, precision. */
    static final int EXCEPTIONS = 0x3f;
    /** Error summary and busy. */
    static final int PENDING = 0x8080;

    private static final int TOP_SHIFT = 11;
    private static final int TOP = 7 << TOP_SHIFT;
    private static final int FCW_INIT = 0x37f;
    /** Bits of the control word that can be changed, and one that is always set. */
    private static final int FCW_DEFINED = 0x1f3f;

    private static final int FCW_FIXED = 0x40;

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT;
    private static final ValueLayout.OfShort WORD = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

    private final Cpu cpu;
    private final Mmu mmu;
    private final MemorySegment state;

    X87Control(Cpu cpu, Mmu mmu) {
        this.cpu = cpu;
        this.mmu = mmu;
        state = cpu.state();
    }

    int word(int offset) {
        return Short.toUnsignedInt(state.get(SHORT, offset));
    }

    void word(int offset, int value) {
        state.set(SHORT, offset, (short) value);
    }

    private void control(int value) {
        word(FCW, value & FCW_DEFINED | FCW_FIXED);
    }

    /** An exception that is not masked has its flag set. */
    boolean isPending() {
        return (word(FSW) & ~word(FCW) & EXCEPTIONS) != 0;
    }

    void updateSummary() {
        int status = word(FSW);
        word(FSW, isPending() ? status | PENDING : status & ~PENDING);
    }

    /** Puts another physical register on top: the image has the registers as seen from there. */
    private void top(int top) {
        int by = top - (word(FSW) >> TOP_SHIFT) & 7;
        if (by != 0) {
            MemorySegment registers = state.asSlice(ST, 16 * 8);
            byte[] old = registers.toArray(ValueLayout.JAVA_BYTE);
            for (int i = 0; i < 8; i++) {
                MemorySegment.copy(old, 16 * (i + by & 7), registers, ValueLayout.JAVA_BYTE, 16L * i, 16);
            }
        }
        word(FSW, word(FSW) & ~TOP | top << TOP_SHIFT);
    }

    /** Where the image has an MMX register. */
    int mmx(int register) {
        return ST + 16 * (register - (word(FSW) >> TOP_SHIFT) & 7);
    }

    /** What each MMX instruction does to the x87: all registers in use, and the first one on top. */
    void mmx() {
        top(0);
        state.set(ValueLayout.JAVA_BYTE, TAGS, (byte) 0xff);
    }

    /** Whether the instruction runs even though an exception is pending. */
    static boolean isNoWait(Insn insn) {
        int reg = insn.modrm >> 3 & 7;
        if (insn.memory) {
            return insn.opcode == 0xd9 && reg >= 6 || insn.opcode == 0xdd && reg >= 6;
        }
        return insn.opcode == 0xdb && reg == 4 || insn.opcode == 0xdf && insn.modrm == 0xe0;
    }

    /**
     * Executes the instruction if it is one of this class's.
     *
     * @return false when it is not
     */
    boolean execute(Insn insn, long linear) {
        int reg = insn.modrm >> 3 & 7;
        if (!insn.memory) {
            return executeRegister(insn);
        }
        if (insn.opcode == 0xd9) {
            switch (reg) {
                case 4 -> loadEnvironment(insn, linear);
                case 5 -> control((int) mmu.read(linear, 2));
                case 6 -> {
                    storeEnvironment(linear, environmentSize(insn));
                    word(FCW, word(FCW) | EXCEPTIONS);
                }
                case 7 -> mmu.write(linear, 2, word(FCW));
                default -> {
                    return false;
                }
            }
        } else if (insn.opcode == 0xdd) {
            switch (reg) {
                case 4 -> restore(insn, linear);
                case 6 -> save(insn, linear);
                case 7 -> mmu.write(linear, 2, word(FSW));
                default -> {
                    return false;
                }
            }
        } else {
            return false;
        }
        updateSummary();
        return true;
    }

    private boolean executeRegister(Insn insn) {
        if (insn.opcode == 0xdf && insn.modrm == 0xe0) {
            cpu.gpr(Cpu.RAX, cpu.gpr(Cpu.RAX) & ~0xffffL | word(FSW));
            return true;
        }
        if (insn.opcode != 0xdb) {
            return false;
        }
        switch (insn.modrm) {
            case 0xe0, 0xe1, 0xe4 -> {} // of the 8087 and 80287: nothing
            case 0xe2 -> word(FSW, word(FSW) & 0x7f00);
            case 0xe3 -> initialize();
            default -> {
                return false;
            }
        }
        return true;
    }

    void initialize() {
        word(FCW, FCW_INIT);
        top(0);
        word(FSW, 0);
        word(TAGS, 0);
        clearPointers();
    }

    void clearPointers() {
        state.set(ValueLayout.JAVA_SHORT, POINTERS, (short) 0);
        state.set(ValueLayout.JAVA_LONG, POINTERS + 2, 0);
        state.set(ValueLayout.JAVA_LONG, POINTERS + 10, 0);
    }

    private static int environmentSize(Insn insn) {
        return insn.operandSize == 2 ? 14 : 28;
    }

    private MemorySegment bounce(int size) {
        return state.asSlice(StateLayout.BOUNCE, size);
    }

    /** Words of the environment are 2 or 4 bytes apart (SDM volume 1, 8.1.10). */
    private void fillEnvironment(MemorySegment image, int size) {
        int step = size / 7;
        image.asSlice(0, size).fill((byte) 0);
        int[] words = {word(FCW), word(FSW), tagWord()};
        for (int i = 0; i < words.length; i++) {
            image.set(WORD, (long) i * step, (short) words[i]);
            if (step == 4) {
                image.set(WORD, (long) i * step + 2, (short) -1);
            }
        }
        if (step == 4) {
            image.set(WORD, 26, (short) -1);
        }
    }

    private void storeEnvironment(long linear, int size) {
        mmu.align(linear, size / 7);
        MemorySegment image = bounce(size);
        fillEnvironment(image, size);
        mmu.write(linear, image);
    }

    private void loadEnvironment(Insn insn, long linear) {
        int size = environmentSize(insn);
        mmu.align(linear, size / 7);
        MemorySegment image = bounce(size);
        mmu.read(linear, image);
        takeEnvironment(image, size);
    }

    private void takeEnvironment(MemorySegment image, int size) {
        int step = size / 7;
        control(image.get(WORD, 0));
        int status = image.get(WORD, step);
        top(status >> TOP_SHIFT & 7);
        word(FSW, status);
        int tags = image.get(WORD, 2L * step) & 0xffff;
        int valid = 0;
        for (int i = 0; i < 8; i++) {
            if ((tags >> 2 * i & 3) != 3) {
                valid |= 1 << i;
            }
        }
        word(TAGS, valid);
        clearPointers();
    }

    private void save(Insn insn, long linear) {
        int size = environmentSize(insn);
        mmu.align(linear, size / 7);
        MemorySegment image = bounce(size + 80);
        fillEnvironment(image, size);
        for (int i = 0; i < 8; i++) {
            MemorySegment.copy(state, ST + 16L * i, image, size + 10L * i, 10);
        }
        mmu.write(linear, image);
        initialize();
    }

    private void restore(Insn insn, long linear) {
        int size = environmentSize(insn);
        mmu.align(linear, size / 7);
        MemorySegment image = bounce(size + 80);
        mmu.read(linear, image);
        takeEnvironment(image, size);
        for (int i = 0; i < 8; i++) {
            MemorySegment.copy(image, size + 10L * i, state, ST + 16L * i, 10);
        }
    }

    /** Two bits a physical register: 0 valid, 1 zero, 2 special, 3 empty. */
    private int tagWord() {
        int valid = word(TAGS);
        int top = word(FSW) >> 11 & 7;
        int tags = 0;
        for (int i = 0; i < 8; i++) {
            int tag = (valid >> i & 1) == 0 ? 3 : classify(ST + 16 * (i - top & 7));
            tags |= tag << 2 * i;
        }
        return tags;
    }

    private int classify(int offset) {
        long significand = state.get(LONG, offset);
        int exponent = word(offset + 8) & 0x7fff;
        if (exponent == 0) {
            return significand == 0 ? 1 : 2;
        }
        return exponent == 0x7fff || significand >= 0 ? 2 : 0;
    }
}
