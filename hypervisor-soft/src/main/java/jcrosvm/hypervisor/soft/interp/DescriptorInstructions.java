package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** Loads and stores of descriptor tables, and the instructions that ask about descriptors (SDM volume 3, 2.8, 5.10). */
final class DescriptorInstructions {
    /** What LAR returns of a descriptor's high half: all but the limit and base. */
    private static final long ACCESS_RIGHTS = 0x00f0_ff00L;

    private static final int LAR_TYPES = bits(1, 2, 3, 4, 5, 9, 0xb, 0xc);
    private static final int LAR_TYPES_LONG = bits(2, 9, 0xb, 0xc);
    private static final int LSL_TYPES = bits(1, 2, 3, 9, 0xb);
    private static final int LSL_TYPES_LONG = bits(2, 9, 0xb);

    private final Cpu cpu;
    private final Mmu mmu;
    private final Segmentation segmentation;
    private final SystemOperands operands;
    private final Descriptor descriptor = new Descriptor();

    DescriptorInstructions(Cpu cpu, Mmu mmu, Segmentation segmentation, SystemOperands operands) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.segmentation = segmentation;
        this.operands = operands;
    }

    private static int bits(int... types) {
        int set = 0;
        for (int type : types) {
            set |= 1 << type;
        }
        return set;
    }

    void execute(Insn insn, long linear) {
        switch (insn.op) {
            case LGDT, LIDT -> loadTable(insn, linear);
            case SGDT -> storeTable(linear, cpu.gdtBase, cpu.gdtLimit);
            case SIDT -> storeTable(linear, cpu.idtBase, cpu.idtLimit);
            case LLDT -> {
                privileged();
                segmentation.loadLdt(operands.readWord(insn, 0, linear));
            }
            case LTR -> {
                privileged();
                segmentation.loadTask(operands.readWord(insn, 0, linear));
            }
            case SLDT -> store(insn, linear, Cpu.LDTR);
            case STR -> store(insn, linear, Cpu.TR);
            case LAR -> accessRights(insn, linear);
            case LSL -> limit(insn, linear);
            case VERR, VERW -> verify(insn, linear);
            case ARPL -> adjust(insn, linear);
            default -> throw new IllegalStateException(insn.op.name());
        }
    }

    private void protectedMode() {
        if (!cpu.protectedMode()) {
            throw cpu.ud();
        }
    }

    private void privileged() {
        protectedMode();
        if (cpu.cpl != 0) {
            throw cpu.gp(0);
        }
    }

    /** User-mode instruction prevention: SGDT, SIDT, SLDT, STR and SMSW. */
    static void checkUserMode(Cpu cpu) {
        if (cpu.cpl != 0 && (cpu.cr4 & Control.CR4_UMIP) != 0) {
            throw cpu.gp(0);
        }
    }

    private void loadTable(Insn insn, long linear) {
        if (cpu.cpl != 0) {
            throw cpu.gp(0);
        }
        int limit = (int) mmu.read(linear, 2);
        long base;
        if (cpu.codeSize() == 8) {
            base = mmu.read(linear + 2, 8);
            if (!Canonical.is(base)) {
                throw cpu.gp(0);
            }
        } else {
            base = mmu.read(linear + 2, 4);
            if (insn.operandSize == 2) {
                base &= 0xff_ffff;
            }
        }
        if (insn.op == Op.LGDT) {
            cpu.gdtBase = base;
            cpu.gdtLimit = limit;
        } else {
            cpu.idtBase = base;
            cpu.idtLimit = limit;
        }
    }

    private void storeTable(long linear, long base, int limit) {
        checkUserMode(cpu);
        int size = cpu.codeSize() == 8 ? 8 : 4;
        mmu.probe(linear + 2, size, true);
        mmu.write(linear, 2, limit);
        mmu.write(linear + 2, size, size == 8 ? base : base & 0xffff_ffffL);
    }

    private void store(Insn insn, long linear, int segment) {
        protectedMode();
        checkUserMode(cpu);
        operands.writeWordOrRegister(insn, 0, linear, cpu.selector[segment]);
    }

    /** Reads the descriptor that an instruction asks about; false when the program may not know. */
    private boolean visible(int selector, int systemTypes) {
        if (Segmentation.isNull(selector) || !segmentation.read(selector, descriptor)) {
            return false;
        }
        if (descriptor.system()) {
            if ((systemTypes >>> descriptor.type() & 1) == 0) {
                return false;
            }
        } else if (descriptor.code() && descriptor.conforming()) {
            return true;
        }
        return descriptor.dpl() >= cpu.cpl && descriptor.dpl() >= (selector & 3);
    }

    private void zero(boolean set) {
        cpu.rflags(set ? cpu.rflags() | Rflags.ZF : cpu.rflags() & ~(long) Rflags.ZF);
    }

    private void accessRights(Insn insn, long linear) {
        protectedMode();
        boolean visible = visible(operands.readWord(insn, 1, linear), cpu.longMode() ? LAR_TYPES_LONG : LAR_TYPES);
        if (visible) {
            operands.register(insn.register[0], insn.operandSize, descriptor.low >>> 32 & ACCESS_RIGHTS);
        }
        zero(visible);
    }

    private void limit(Insn insn, long linear) {
        protectedMode();
        boolean visible = visible(operands.readWord(insn, 1, linear), cpu.longMode() ? LSL_TYPES_LONG : LSL_TYPES);
        if (visible) {
            operands.register(insn.register[0], insn.operandSize, descriptor.limit());
        }
        zero(visible);
    }

    private void verify(Insn insn, long linear) {
        protectedMode();
        boolean visible = visible(operands.readWord(insn, 0, linear), 0);
        zero(visible && (insn.op == Op.VERR ? descriptor.readable() : descriptor.writableData()));
    }

    private void adjust(Insn insn, long linear) {
        protectedMode();
        int destination = operands.readWord(insn, 0, linear);
        int source = operands.readWord(insn, 1, linear);
        boolean raise = (destination & 3) < (source & 3);
        if (raise) {
            int value = destination & ~3 | source & 3;
            if (insn.memory) {
                mmu.write(linear, 2, value);
            } else {
                operands.register(insn.register[0], 2, value);
            }
        }
        zero(raise);
    }
}
