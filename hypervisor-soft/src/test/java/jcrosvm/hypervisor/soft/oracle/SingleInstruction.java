package jcrosvm.hypervisor.soft.oracle;

import java.util.EnumSet;
import java.util.Random;
import java.util.Set;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.isa.RandomEncoder;

/** Single random instructions, with what sets up their addresses, divisors and counts in front, so that none faults. */
final class SingleInstruction {
    static final int PAGE = 4096;
    /** Pages of data: operands are in 2 to 7, the stack in 10 and 11, the others catch what goes astray. */
    static final int WINDOW = 16 * PAGE;

    private static final int LINE = 64;
    private static final int OPERANDS = 2 * PAGE;
    private static final int OPERANDS_SIZE = 6 * PAGE;
    private static final int STACK = 10 * PAGE;
    private static final int STACK_SIZE = 2 * PAGE;

    private static final Set<Op> BRANCHES = EnumSet.of(
            Op.JMP, Op.JCC, Op.JCXZ, Op.LOOP, Op.LOOPE, Op.LOOPNE, Op.CALL, Op.RET, Op.JMP_INDIRECT, Op.CALL_INDIRECT);
    private static final Set<Op> BIT_STRINGS = EnumSet.of(Op.BT, Op.BTS, Op.BTR, Op.BTC);
    private static final Set<Op> STRINGS = EnumSet.of(Op.MOVS, Op.CMPS, Op.STOS, Op.LODS, Op.SCAS);

    final Pool pool = new Pool();
    private final Random random;
    private final long window;
    private final RandomEncoder encoder;
    /** The last one, where its operand is in memory (or 0), and the registers that were set up for it. */
    final Insn insn = new Insn();

    long operandAddress;
    int setUp;
    /** Makes operands that must be aligned miss that by this many bytes. */
    int misalignment;

    SingleInstruction(Random random, long window) {
        this.random = random;
        this.window = window;
        encoder = new RandomEncoder(random);
    }

    /** Somewhere in the middle of the stack. */
    long stack() {
        return window + STACK + 64 + random.nextInt(STACK_SIZE / 8 - 16) * 8L;
    }

    private boolean chance(int n) {
        return random.nextInt(n) == 0;
    }

    /** Somewhere in the operands, often at the end of a page or of a cache line. */
    long operand(int align) {
        long offset = OPERANDS + random.nextInt(OPERANDS_SIZE);
        if (chance(3)) {
            offset = (offset | (chance(2) ? 63 : PAGE - 1)) + 1 - random.nextInt(17);
        }
        return window + offset & -align;
    }

    private void after(Sequence s, Form form) {
        s.undefined = s.undefined & ~form.flagsWritten() | form.flagsUndefined();
    }

    /** Any instruction of the pool. */
    void add(Sequence s, int forbidden) {
        add(s, pool.numbers.get(random.nextInt(pool.numbers.size())), forbidden);
    }

    /**
     * Appends an instruction of this form, or nothing when the dice fell badly.
     *
     * @param forbidden bit set of registers that must not be written
     */
    void add(Sequence s, int number, int forbidden) {
        if (!encoder.encode(number, insn) || HostProcessor.differs(insn)) {
            return;
        }
        Form form = insn.form;
        Op op = insn.op;
        if (BRANCHES.contains(op) || op == Op.POPF || op == Op.LDMXCSR || op == Op.ENTER || op == Op.LEAVE) {
            return;
        }
        int written = form.registersWritten();
        for (int i = 0; i < Insn.OPERANDS; i++) {
            if (insn.kind[i] == OperandKind.GPR || insn.kind[i] == OperandKind.HIGH_BYTE) {
                if (i < form.accesses().length && (form.accesses()[i] & Form.WRITE) != 0) {
                    written |= 1 << insn.register[i];
                    if (insn.register[i] == Cpu.RSP && insn.kind[i] == OperandKind.GPR) {
                        return;
                    }
                }
            }
        }
        Sequence setup = new Sequence(s.address + s.length());
        setup.undefined = s.undefined;
        int fixed = 0;
        // Counts, divisors, bit offsets, implicit addresses
        if (op == Op.DIV || op == Op.IDIV) {
            fixed = divisor(setup, written);
            if (fixed == 0) {
                return;
            }
        } else if (STRINGS.contains(op)) {
            fixed = string(setup);
        } else if (op == Op.XLAT) {
            setup.set(Cpu.RBX, operand(1));
            fixed = 1 << Cpu.RBX;
        } else if (op == Op.MASKMOV) {
            setup.set(Cpu.RDI, operand(1));
            fixed = 1 << Cpu.RDI;
        } else if (BIT_STRINGS.contains(op) && insn.memory && insn.kind[1] == OperandKind.GPR) {
            if (insn.register[1] == Cpu.RSP || insn.base == Insn.RIP) {
                return; // the second could read what lies behind the sequence
            }
            setup.set(insn.register[1], random.nextInt(2048) - 1024);
            fixed = 1 << insn.register[1];
        } else if (isShift(op) && form.operands()[form.operands().length - 1].equals("CL")) {
            boolean narrow = (op == Op.SHLD || op == Op.SHRD) && insn.operandSize == 2;
            if (narrow || chance(2)) {
                setup.add("mov", "b1 %02x".formatted(random.nextInt(narrow ? 17 : 256)));
                fixed = 1 << Cpu.RCX;
            }
        } else if ((op == Op.SHLD || op == Op.SHRD) && insn.operandSize == 2 && (insn.imm & 31) > 16) {
            return;
        } else if (op == Op.BSWAP && insn.operandSize == 2) {
            return;
        }
        byte[] code = encoder.code();
        boolean untouched = op == Op.LEA || op == Op.NOP || form.mnemonic().startsWith("prefetch");
        if (insn.memory && insn.base == Cpu.RSP && (forbidden >> Cpu.RSP & 1) != 0) {
            return; // a return address may be there
        }
        if (insn.memory && !untouched) {
            int registers = memory(setup, code, fixed);
            if (registers < 0) {
                return;
            }
            fixed |= registers;
        }
        if (((fixed | written) & forbidden) != 0) {
            return;
        }
        s.defineFlags(form.flagsRead(), random);
        if (insn.memory && insn.base == Insn.RIP && !untouched) {
            long target = s.address + random.nextInt(s.length() + 1);
            target = form.has(Form.ALIGNED_16) ? target & -16 : target;
            long next = s.address + s.length() + setup.length() + insn.length;
            if (target < s.address || target + 16 > next) {
                return;
            }
            displacement(code, target - next);
        }
        setUp = fixed;
        s.add(setup);
        s.add(form.mnemonic(), code, insn.length);
        pool.covered.set(number);
        after(s, form);
        if (op == Op.SHL || op == Op.SHR) {
            s.undefined |= insn.size[0] < 4 && !form.operands()[1].equals("1") ? Rflags.CF : 0;
        }
    }

    private static boolean isShift(Op op) {
        return op.compareTo(Op.ROL) >= 0 && op.compareTo(Op.SHRD) <= 0;
    }

    private void displacement(byte[] code, long value) {
        int at = RandomEncoder.displacementOffset(insn);
        for (int i = 0; i < 4; i++) {
            code[at + i] = (byte) (value >> 8 * i);
        }
    }

    /** Makes a quotient that fits; returns the registers it set, or 0. */
    private int divisor(Sequence s, int written) {
        boolean signed = insn.op == Op.IDIV;
        if (insn.memory) {
            return 0;
        }
        int register = insn.register[0];
        if (insn.kind[0] == OperandKind.HIGH_BYTE || register == Cpu.RAX || register == Cpu.RDX || register == 4) {
            return 0;
        }
        int bits = insn.size[0] * 8;
        long divisor = (random.nextLong() | 1) >>> 65 - bits + random.nextInt(bits - 1) | 1;
        long high = signed ? 0 : random.nextLong(divisor);
        s.set(register, divisor | (bits == 64 ? 0 : random.nextLong() << bits));
        if (bits == 8) {
            if (signed) {
                s.add("cbw", "66 98");
            } else {
                s.add("mov ah", "b4 %02x".formatted(high));
            }
        } else if (signed) {
            s.add("cwd", bits == 16 ? "66 99" : bits == 32 ? "99" : "48 99");
        } else {
            s.set(Cpu.RDX, high);
        }
        return 1 << register | written | 1 << Cpu.RAX;
    }

    private int string(Sequence s) {
        boolean far = chance(2);
        long to = operand(1);
        s.set(Cpu.RDI, to);
        s.set(Cpu.RSI, far ? operand(1) : to + random.nextInt(33) - 16);
        s.set(Cpu.RCX, chance(4) ? random.nextInt(200) : random.nextInt(12));
        boolean down = chance(3);
        s.add(down ? "std" : "cld", down ? "fd" : "fc");
        return 1 << Cpu.RDI | 1 << Cpu.RSI | 1 << Cpu.RCX;
    }

    /** Makes the memory operand one of the window; returns the registers it set, or -1. */
    private int memory(Sequence s, byte[] code, int fixed) {
        int size = 1;
        operandAddress = 0;
        for (int i = 0; i < Insn.OPERANDS; i++) {
            if (insn.kind[i] == OperandKind.MEMORY) {
                size = insn.size[i];
                if (insn.base == Insn.RIP && (insn.form.accesses()[i] & Form.WRITE) != 0) {
                    return -1;
                }
            }
        }
        boolean oneLine = insn.isLocked() && HostProcessor.seesSplitLocks() && !chance(1000);
        boolean bitString = insn.kind[1] == OperandKind.GPR && BIT_STRINGS.contains(insn.op);
        long address = operand(insn.form.has(Form.ALIGNED_16) ? 16 : oneLine && bitString ? size : 1) + misalignment;
        while (oneLine && (address & LINE - 1) + size > LINE) {
            address = operand(1);
        }
        if (insn.base == Insn.RIP) {
            return size <= 16 ? 0 : -1;
        }
        operandAddress = address;
        if (insn.modrm < 0) {
            int at = RandomEncoder.displacementOffset(insn);
            for (int i = 0; i < 8; i++) {
                code[at + i] = (byte) (address >> 8 * i);
            }
            return 0;
        }
        int base = insn.base;
        int index = insn.index;
        if (base == Cpu.RSP) {
            operandAddress = 0;
            boolean near = insn.disp >= -128 && insn.disp < 128 && index == Insn.NONE;
            return near && !insn.form.has(Form.ALIGNED_16) && !oneLine && size < 100 ? 0 : -1;
        }
        boolean conflict = base >= 0 && (fixed >> base & 1) != 0 || index >= 0 && (fixed >> index & 1) != 0;
        if (conflict || base < 0 && index < 0) {
            return -1;
        }
        long rest = address - insn.disp;
        if (base < 0 || base == index) {
            long factor = (1L << insn.scale) + (base == index ? 1 : 0);
            if (factor > 1 && (insn.form.has(Form.ALIGNED_16) || oneLine)) {
                return -1;
            }
            s.set(index, rest / factor);
            operandAddress = rest / factor * factor + insn.disp;
            return 1 << index;
        }
        if (index >= 0) {
            long value = random.nextBoolean() ? random.nextInt(4096) - 2048 : random.nextLong();
            s.set(index, value);
            rest -= value << insn.scale;
        }
        s.set(base, rest);
        return 1 << base | (index >= 0 ? 1 << index : 0);
    }
}
