package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Writes x86-64 instructions into a buffer.
 *
 * <p>An opcode is an int: the byte, the map, REX.W and a prefix, or-ed from the constants. Registers are 0 to 15.
 */
final class Assembler {
    /** Opcode map 0F. */
    static final int M1 = 1 << 8;
    /** Opcode map 0F 38. */
    static final int M2 = 2 << 8;
    /** Opcode map 0F 3A. */
    static final int M3 = 3 << 8;
    /** REX.W. */
    static final int W = 1 << 10;
    /** A REX prefix in any case, so that byte registers 4 to 7 are SPL to DIL. */
    static final int REX = 1 << 11;

    static final int P66 = 0x66 << 16;
    static final int PF3 = 0xf3 << 16;
    static final int PF2 = 0xf2 << 16;
    static final int LOCK = 1 << 12;
    /** A 66 prefix besides {@link #PF3} or {@link #PF2}. */
    static final int ALSO_66 = 1 << 13;

    static final int RAX = 0;
    static final int RCX = 1;
    static final int RDX = 2;
    static final int RBX = 3;
    static final int RSP = 4;
    static final int RBP = 5;
    static final int RSI = 6;
    static final int RDI = 7;

    private byte[] code = new byte[4096];
    private int at;

    int position() {
        return at;
    }

    void position(int position) {
        at = position;
    }

    byte[] code() {
        return code;
    }

    void emit(int b) {
        if (at == code.length) {
            code = Arrays.copyOf(code, 2 * at);
        }
        code[at++] = (byte) b;
    }

    void emit(int a, int b) {
        emit(a);
        emit(b);
    }

    void emit(int a, int b, int c) {
        emit(a);
        emit(b);
        emit(c);
    }

    void emit32(int value) {
        emit(value);
        emit(value >> 8);
        emit(value >> 16);
        emit(value >> 24);
    }

    void emit64(long value) {
        emit32((int) value);
        emit32((int) (value >> 32));
    }

    private void head(int op, int reg, int index, int base) {
        if ((op & LOCK) != 0) {
            emit(0xf0);
        }
        if ((op & ALSO_66) != 0) {
            emit(0x66);
        }
        int prefix = op >> 16 & 0xff;
        if (prefix != 0) {
            emit(prefix);
        }
        int rex = 0x40 | op >> 7 & 8 | reg >> 1 & 4 | index >> 2 & 2 | base >> 3 & 1;
        if (rex != 0x40 || (op & REX) != 0) {
            emit(rex);
        }
        int map = op >> 8 & 3;
        if (map != 0) {
            emit(0x0f);
            if (map != 1) {
                emit(map == 2 ? 0x38 : 0x3a);
            }
        }
        emit(op & 0xff);
    }

    /** An instruction with two registers, ModRM.reg and ModRM.rm. */
    void rr(int op, int reg, int rm) {
        head(op, reg, 0, rm);
        emit(0xc0 | (reg & 7) << 3 | rm & 7);
    }

    /** The register is in the low bits of the opcode. */
    void r(int op, int register) {
        head(op | register & 7, 0, 0, register);
    }

    /** ModRM.rm is memory at base + displacement. */
    void rm(int op, int reg, int base, int displacement) {
        head(op, reg, 0, base);
        boolean sib = (base & 7) == 4;
        boolean none = displacement == 0 && (base & 7) != 5;
        boolean small = displacement == (byte) displacement;
        emit((none ? 0 : small ? 0x40 : 0x80) | (reg & 7) << 3 | base & 7);
        if (sib) {
            emit(0x24);
        }
        displacement(displacement, none, small);
    }

    /** ModRM.rm is memory at base + (index << scale) + displacement; index is not RSP. */
    void rm(int op, int reg, int base, int index, int scale, int displacement) {
        head(op, reg, index, base);
        boolean none = displacement == 0 && (base & 7) != 5;
        boolean small = displacement == (byte) displacement;
        emit((none ? 0 : small ? 0x40 : 0x80) | (reg & 7) << 3 | 4);
        emit(scale << 6 | (index & 7) << 3 | base & 7);
        displacement(displacement, none, small);
    }

    /** ModRM.rm is memory at (index << scale) + displacement without a base. */
    void rmNoBase(int op, int reg, int index, int scale, int displacement) {
        head(op, reg, index, 0);
        emit((reg & 7) << 3 | 4);
        emit(scale << 6 | (index & 7) << 3 | 5);
        emit32(displacement);
    }

    /** ModRM.rm is memory at a sign-extended 32-bit address. */
    void rmAbsolute(int op, int reg, int address) {
        head(op, reg, 0, 0);
        emit((reg & 7) << 3 | 4, 0x25);
        emit32(address);
    }

    private void displacement(int displacement, boolean none, boolean small) {
        if (!none) {
            if (small) {
                emit(displacement);
            } else {
                emit32(displacement);
            }
        }
    }

    /** An instruction of the 83/81 group: 0 ADD, 1 OR, 2 ADC, 3 SBB, 4 AND, 5 SUB, 6 XOR, 7 CMP. */
    void aluImmediate(int width, int operation, int register, int value) {
        boolean small = value == (byte) value;
        rr((small ? 0x83 : 0x81) | width, operation, register);
        if (small) {
            emit(value);
        } else {
            emit32(value);
        }
    }

    void push(int register) {
        if (register > 7) {
            emit(0x41);
        }
        emit(0x50 | register & 7);
    }

    void pop(int register) {
        if (register > 7) {
            emit(0x41);
        }
        emit(0x58 | register & 7);
    }

    void load64(int register, int base, int displacement) {
        rm(0x8b | W, register, base, displacement);
    }

    void store64(int register, int base, int displacement) {
        rm(0x89 | W, register, base, displacement);
    }

    void move64(int to, int from) {
        rr(0x8b | W, to, from);
    }

    /** The shortest form that loads the constant; leaves the flags alone. */
    void constant(int register, long value) {
        if (value == (int) value && value < 0) {
            rr(0xc7 | W, 0, register);
            emit32((int) value);
            return;
        }
        boolean wide = value >>> 32 != 0;
        int rex = 0x40 | (wide ? 8 : 0) | register >> 3;
        if (rex != 0x40) {
            emit(rex);
        }
        emit(0xb8 | register & 7);
        emit32((int) value);
        if (wide) {
            emit32((int) (value >> 32));
        }
    }

    void patch32(int position, int value) {
        code[position] = (byte) value;
        code[position + 1] = (byte) (value >> 8);
        code[position + 2] = (byte) (value >> 16);
        code[position + 3] = (byte) (value >> 24);
    }

    /** NOPs until the position plus {@code offset} is a multiple of 4. */
    void align4(int offset) {
        switch (-(at + offset) & 3) {
            case 1 -> emit(0x90);
            case 2 -> emit(0x66, 0x90);
            case 3 -> emit(0x0f, 0x1f, 0x00);
            default -> {}
        }
    }

    /** The 32-bit slot at the position becomes a jump to the present position. */
    void jumpHere(int slot) {
        jump(slot, at);
    }

    /** The 32-bit slot at the position becomes a jump to another. */
    void jump(int slot, int target) {
        patch32(slot, target - slot - 4);
    }

    void copyTo(MemorySegment memory, long offset) {
        MemorySegment.copy(code, 0, memory, ValueLayout.JAVA_BYTE, offset, at);
    }
}
