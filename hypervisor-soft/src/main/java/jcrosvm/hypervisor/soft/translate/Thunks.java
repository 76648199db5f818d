package jcrosvm.hypervisor.soft.translate;

import java.util.Arrays;
import jcrosvm.base.io.ExecutableMemory;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;

/**
 * Host code that runs one x87, MMX or SSE instruction over {@link StateLayout}: it loads what the instruction uses,
 * executes it with its memory operand at {@link StateLayout#BOUNCE}, and stores what it writes. Kept by encoding; when
 * the memory is full all of it starts again.
 */
final class Thunks implements AutoCloseable {
    private static final int SIZE = 256 << 10;
    /** More than the longest thunk. */
    private static final int LONGEST = 512;

    private static final int TABLE_BITS = 12;
    private static final int TABLE = 1 << TABLE_BITS;

    private static final int STATE = Assembler.RDI;
    private static final int MEMORY = Assembler.RSI;
    private static final int LOADED = Rflags.ARITHMETIC;

    private final ExecutableMemory memory = ExecutableMemory.allocate("jcrosvm-thunks", SIZE);
    private final Assembler out = new Assembler();
    private final long[] keys = new long[TABLE];
    private final int[] offsets = new int[TABLE];
    private int used;
    private int count;

    /** Runs the instruction. MXCSR and the x87 control word of the state must have all exceptions masked. */
    void run(Insn insn, Cpu cpu) {
        ExecutableMemory.call(memory.address() + find(insn), cpu.state().address());
    }

    /** Whether it touches x87 or MMX registers, which are loaded and stored together. */
    static boolean usesX87(Insn insn) {
        if (insn.op != Op.SIMD && insn.op != Op.MASKMOV) {
            return true;
        }
        for (int kind : insn.kind) {
            if (kind == OperandKind.MMX) {
                return true;
            }
        }
        return false;
    }

    private int find(Insn insn) {
        long key = key(insn);
        int slot = (int) (key * 0x9e3779b97f4a7c15L >>> 64 - TABLE_BITS);
        while (keys[slot] != 0) {
            if (keys[slot] == key) {
                return offsets[slot];
            }
            slot = slot + 1 & TABLE - 1;
        }
        if (used + LONGEST > SIZE || count == TABLE / 2) {
            Arrays.fill(keys, 0);
            used = 0;
            count = 0;
            slot = (int) (key * 0x9e3779b97f4a7c15L >>> 64 - TABLE_BITS);
        }
        out.position(0);
        assemble(insn);
        out.copyTo(memory.segment(), used);
        keys[slot] = key;
        count++;
        offsets[slot] = used;
        used += out.position() + 15 & -16;
        return offsets[slot];
    }

    private static long key(Insn insn) {
        long key = 1; // never 0
        key = key << 8 | insn.opcode & 0xff;
        key = key << 2 | insn.form.map();
        key = key << 8 | insn.form.prefix();
        key = key << 8 | insn.modrm & 0xff & (insn.memory ? 0x38 : 0xff);
        key = key << 4 | insn.rex & (insn.memory ? 0xc : 0xf);
        key = key << 1 | (insn.memory ? 1 : 0);
        return hasImmediate(insn) ? key << 16 | (insn.imm2 & 0xff) << 8 | insn.imm & 0xff : key << 16;
    }

    private static boolean hasImmediate(Insn insn) {
        for (int kind : insn.kind) {
            if (kind == OperandKind.IMMEDIATE) {
                return true;
            }
        }
        return false;
    }

    private void assemble(Insn insn) {
        boolean x87 = usesX87(insn);
        boolean sse = insn.op == Op.SIMD;
        out.emit(0x50); // push rax: room for the JVM's MXCSR
        out.rm(Assembler.M1 | 0xae, 3, Assembler.RSP, 0); // stmxcsr
        if (x87) {
            out.rm(Assembler.M1 | 0xae | Assembler.W, 1, STATE, StateLayout.FX); // fxrstor64
        } else {
            xmms(insn, Assembler.M1 | 0x10); // movups
        }
        out.rm(Assembler.M1 | 0xae, 2, STATE, StateLayout.MXCSR); // ldmxcsr
        if (insn.memory) {
            out.rm(0x8d | Assembler.W, MEMORY, STATE, StateLayout.BOUNCE); // lea
        }
        int gpr = gpr(insn);
        if (gpr >= 0) {
            out.load64(Assembler.RAX, STATE, StateLayout.GPR + 8 * gpr);
        }
        boolean lengths = isStringComparison(insn);
        if (lengths) {
            out.load64(Assembler.RAX, STATE, StateLayout.GPR);
            out.load64(Assembler.RDX, STATE, StateLayout.GPR + 8 * Cpu.RDX);
            out.load64(Assembler.RCX, STATE, StateLayout.GPR + 8 * Cpu.RCX);
        }
        if (insn.form.flagsRead() != 0) {
            int free = Assembler.RCX;
            out.load64(free, STATE, StateLayout.RFLAGS);
            out.aluImmediate(0, 4, free, LOADED);
            out.emit(0x50 | free); // push
            out.emit(0x9d); // popfq
        }
        instruction(insn, gpr);
        if (insn.form.flagsWritten() != 0) {
            saveFlags();
        }
        if (lengths) {
            out.store64(Assembler.RCX, STATE, StateLayout.GPR + 8 * Cpu.RCX);
        } else if (gpr >= 0) {
            out.store64(Assembler.RAX, STATE, StateLayout.GPR + 8 * gpr);
        }
        if (x87) {
            out.rm(Assembler.M1 | 0xae | Assembler.W, 0, STATE, StateLayout.FX); // fxsave64
            out.emit(0xdb, 0xe3); // fninit: as the C library and the JVM expect it
        } else {
            xmms(insn, Assembler.M1 | 0x11);
        }
        if (sse) {
            out.rm(Assembler.M1 | 0xae, 3, STATE, StateLayout.MXCSR);
        }
        out.rm(Assembler.M1 | 0xae, 2, Assembler.RSP, 0);
        out.emit(0x58); // pop rax
        out.emit(0xc3);
    }

    private void saveFlags() {
        out.emit(0x9c, 0x5a); // pushfq; pop rdx
        out.aluImmediate(0, 4, Assembler.RDX, Rflags.ARITHMETIC);
        out.rm(0x81 | Assembler.W, 4, STATE, StateLayout.RFLAGS); // and
        out.emit32(~Rflags.ARITHMETIC);
        out.rm(0x09 | Assembler.W, Assembler.RDX, STATE, StateLayout.RFLAGS); // or
    }

    /** Loads or stores the XMM registers, XMM0 always: some instructions use it without saying so. */
    private void xmms(Insn insn, int op) {
        out.rm(op, 0, STATE, StateLayout.XMM);
        for (int i = 0; i < Insn.OPERANDS; i++) {
            int register = insn.register[i];
            if (insn.kind[i] == OperandKind.XMM && register != 0) {
                out.rm(op, register, STATE, StateLayout.XMM + 16 * register);
            }
        }
    }

    /** The general register in the encoding, or -1. */
    private static int gpr(Insn insn) {
        if (insn.op == Op.SIMD && !isStringComparison(insn)) {
            for (int i = 0; i < Insn.OPERANDS; i++) {
                if (insn.kind[i] == OperandKind.GPR) {
                    return insn.register[i];
                }
            }
        }
        return -1;
    }

    /** PCMPESTRI and kin use rAX, rDX and rCX without saying so. */
    private static boolean isStringComparison(Insn insn) {
        return insn.form.map() == 3 && insn.opcode >= 0x60 && insn.opcode <= 0x63;
    }

    private void instruction(Insn insn, int gpr) {
        int op = insn.opcode & 0xff | insn.form.map() << 8 | insn.form.prefix() << 16;
        if ((insn.rex & 8) != 0) {
            op |= Assembler.W;
        }
        int reg = insn.modrm >> 3 & 7 | insn.rex << 1 & 8;
        int rm = insn.modrm & 7 | insn.rex << 3 & 8;
        if (insn.op != Op.SIMD) {
            reg &= 7;
            rm &= 7;
            op &= ~Assembler.W;
        }
        if (gpr >= 0) { // runs on RAX
            if (gprIsReg(insn)) {
                reg = Assembler.RAX;
            } else {
                rm = Assembler.RAX;
            }
        }
        if (insn.modrm < 0) {
            out.emit(0x0f, insn.opcode); // emms
        } else if (insn.memory) {
            out.rm(op, reg, MEMORY, 0);
        } else {
            out.rr(op, reg, rm);
        }
        if (hasImmediate(insn)) {
            out.emit((int) insn.imm);
            for (int kind : insn.kind) {
                if (kind == OperandKind.IMMEDIATE2) {
                    out.emit((int) insn.imm2);
                }
            }
        }
    }

    /** CVT(T)SS2SI and kin, MOVMSKPS and kin, PMOVMSKB, PEXTRW: the general register is ModRM.reg. */
    static boolean gprIsReg(Insn insn) {
        return insn.form.map() == 1
                && switch (insn.opcode) {
                    case 0x2c, 0x2d, 0x50, 0xc5, 0xd7 -> true;
                    default -> false;
                };
    }

    @Override
    public void close() {
        memory.close();
    }
}
