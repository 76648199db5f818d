package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** MOV, PUSH and POP of segment registers, LDS and its kin, SWAPGS and the bases of FS and GS. */
final class SegmentMoves {
    private final Cpu cpu;
    private final Mmu mmu;
    private final Segmentation segmentation;
    private final Debugging debugging;
    private final SystemOperands operands;
    private final StackCursor stack;

    SegmentMoves(Cpu cpu, Mmu mmu, Segmentation segmentation, Debugging debugging, SystemOperands operands) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.segmentation = segmentation;
        this.debugging = debugging;
        this.operands = operands;
        stack = new StackCursor(cpu, mmu);
    }

    void execute(Insn insn, long linear) {
        switch (insn.op) {
            case MOV_TO_SREG -> {
                int segment = insn.register[0];
                if (segment == Cpu.CS || segment > Cpu.GS) {
                    throw cpu.ud();
                }
                segmentation.load(segment, operands.readWord(insn, 1, linear));
                shadow(segment);
            }
            case MOV_FROM_SREG -> {
                if (insn.register[1] > Cpu.GS) {
                    throw cpu.ud();
                }
                operands.writeWordOrRegister(insn, 0, linear, cpu.selector[insn.register[1]]);
            }
            case PUSH_SREG -> push(insn);
            case POP_SREG -> {
                int segment = insn.register[0];
                int selector = (int) stack.current().pop(insn.operandSize) & 0xffff;
                segmentation.load(segment, selector);
                stack.commit();
                shadow(segment);
            }
            default -> {
                long offset = mmu.read(linear, insn.operandSize);
                segmentation.load(insn.register[0], (int) mmu.read(linear + insn.operandSize, 2));
                operands.register(insn.register[1], insn.operandSize, offset);
            }
        }
    }

    private void push(Insn insn) {
        stack.current().push(insn.operandSize, cpu.selector[insn.register[0]]);
        stack.commit();
    }

    private void shadow(int segment) {
        if (segment == Cpu.SS) {
            cpu.interruptShadow = true;
            debugging.hold();
        }
    }

    /** SWAPGS, RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE. */
    void bases(Insn insn) {
        if (cpu.codeSize() != 8) {
            throw cpu.ud();
        }
        if (insn.op == Op.SWAPGS) {
            if (cpu.cpl != 0) {
                throw cpu.gp(0);
            }
            long base = cpu.segmentBase(Cpu.GS);
            cpu.segmentBase(Cpu.GS, cpu.kernelGsBase);
            cpu.kernelGsBase = base;
            return;
        }
        if ((cpu.cr4 & Control.CR4_FSGSBASE) == 0) {
            throw cpu.ud();
        }
        int segment = insn.op == Op.RDFSBASE || insn.op == Op.WRFSBASE ? Cpu.FS : Cpu.GS;
        int size = insn.operandSize == 8 ? 8 : 4;
        if (insn.op == Op.RDFSBASE || insn.op == Op.RDGSBASE) {
            operands.register(insn.register[0], size, cpu.segmentBase(segment));
            return;
        }
        long base = operands.read(insn, 0, size, 0);
        if (!Canonical.is(base)) {
            throw cpu.gp(0);
        }
        cpu.segmentBase(segment, base);
    }
}
