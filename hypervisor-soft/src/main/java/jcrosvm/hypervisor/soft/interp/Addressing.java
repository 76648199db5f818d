package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.OperandKind;

/** Effective and linear addresses with the checks of segmentation (SDM volume 3, 5.3 to 5.5) and of canonical form. */
public final class Addressing {
    private static final int TYPE_CODE = 8;
    private static final int TYPE_EXPAND_DOWN = 4; // of data
    private static final int TYPE_ACCESSIBLE = 2; // data: writable, code: readable

    private static final long CANONICAL_HALF = 1L << 47;
    /** No operand is longer, so nearer to the canonical boundary the size has to be looked at. */
    private static final long LONGEST = 4096;

    private final Cpu cpu;

    public Addressing(Cpu cpu) {
        this.cpu = cpu;
    }

    public static boolean canonical(long linear) {
        return linear << 16 >> 16 == linear;
    }

    /** The memory operand's offset in its segment, truncated to the address size. */
    public long effective(Insn insn) {
        long offset = insn.disp;
        int base = insn.base;
        if (base == Insn.RIP) {
            offset += cpu.rip() + insn.length;
        } else if (base >= 0) {
            offset += cpu.gpr(base);
        }
        if (insn.index >= 0) {
            offset += cpu.gpr(insn.index) << insn.scale;
        }
        return insn.addressSize == 8 ? offset : truncate(offset, insn.addressSize);
    }

    static long truncate(long offset, int size) {
        return offset & Alu.mask(size);
    }

    /**
     * The memory operand's linear address, checked for what the instruction does there. Instructions that do not access
     * it (LEA, NOP, INVLPG, ...) get it unchecked.
     */
    public long linear(Insn insn) {
        return linear(insn, effective(insn));
    }

    /** The same with another offset in place of the effective address. */
    long linear(Insn insn, long offset) {
        int segment = insn.segment;
        if (cpu.codeSize() == 8) {
            long linear = segment >= Cpu.FS ? cpu.segmentBase(segment) + offset : offset;
            if (linear + CANONICAL_HALF - LONGEST >>> 1 >= CANONICAL_HALF - LONGEST) {
                checkCanonical(insn, linear);
            }
            return linear;
        }
        for (int i = 0; i < Insn.OPERANDS; i++) {
            if (insn.kind[i] == OperandKind.MEMORY) {
                int access = insn.form.accesses()[i];
                if (access != 0) {
                    return linear(segment, offset, Math.max(insn.size[i], 1), (access & Form.WRITE) != 0);
                }
            }
        }
        return cpu.segmentBase(segment) + offset & 0xffff_ffffL;
    }

    /** The memory operand's linear address without any check. */
    long unchecked(Insn insn) {
        long offset = effective(insn);
        if (cpu.codeSize() == 8) {
            return insn.segment >= Cpu.FS ? cpu.segmentBase(insn.segment) + offset : offset;
        }
        return cpu.segmentBase(insn.segment) + offset & 0xffff_ffffL;
    }

    private void checkCanonical(Insn insn, long linear) {
        for (int i = 0; i < Insn.OPERANDS; i++) {
            if (insn.kind[i] == OperandKind.MEMORY && insn.form.accesses()[i] != 0) {
                checkCanonical(insn.segment, linear, Math.max(insn.size[i], 1));
            }
        }
    }

    private void checkCanonical(int segment, long linear, int size) {
        if (!canonical(linear) || !canonical(linear + size - 1)) {
            throw violation(segment);
        }
    }

    /** Linear address of an access that is no explicit operand: stack, string instruction, table in a segment. */
    public long linear(int segment, long offset, int size, boolean write) {
        if (cpu.codeSize() == 8) {
            long linear = segment >= Cpu.FS ? cpu.segmentBase(segment) + offset : offset;
            checkCanonical(segment, linear, size);
            return linear;
        }
        if (!allowed(segment, offset, size, write)) {
            throw violation(segment);
        }
        return cpu.segmentBase(segment) + offset & 0xffff_ffffL;
    }

    /** Whether {@link #linear(int, long, int, boolean)} would let a range through. */
    boolean allowed(int segment, long offset, int size, boolean write) {
        if (cpu.codeSize() == 8) {
            long linear = segment >= Cpu.FS ? cpu.segmentBase(segment) + offset : offset;
            return canonical(linear) && canonical(linear + size - 1);
        }
        int attributes = cpu.attributes[segment];
        int type = attributes & Cpu.ATTR_TYPE;
        boolean code = (type & TYPE_CODE) != 0;
        if (cpu.protectedMode()) {
            if ((attributes & Cpu.ATTR_UNUSABLE) != 0) {
                return false;
            }
            if (write ? code || (type & TYPE_ACCESSIBLE) == 0 : code && (type & TYPE_ACCESSIBLE) == 0) {
                return false;
            }
        }
        long last = offset + size - 1;
        long limit = cpu.limit[segment];
        if (code || (type & TYPE_EXPAND_DOWN) == 0) {
            return last <= limit;
        }
        return offset > limit && last <= ((attributes & Cpu.ATTR_DB) != 0 ? 0xffff_ffffL : 0xffffL);
    }

    private GuestException violation(int segment) {
        return segment == Cpu.SS ? cpu.fault(GuestException.SS, 0) : cpu.gp(0);
    }
}
