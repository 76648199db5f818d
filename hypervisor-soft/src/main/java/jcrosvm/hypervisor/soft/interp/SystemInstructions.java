package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Pending;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/**
 * The instructions that have to do with modes, privileges, segments, interrupts and the processor as a whole. Built
 * with all its parts, which others ask for.
 */
public final class SystemInstructions {
    private static final int VECTOR_INT1 = 1;
    private static final int VECTOR_INT3 = 3;
    private static final int VECTOR_INTO = 4;

    private static final int PERFORMANCE_COUNTER = 0xc001_0004;
    private static final int PERFORMANCE_COUNTERS = 4;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Msrs msrs;
    private final Segmentation segmentation;
    private final Debugging debugging;
    private final Delivery delivery;
    private final Permissions permissions;
    private final FarTransfers transfers;
    private final InterruptReturn interruptReturn;
    private final FastCalls fastCalls;
    private final ControlRegisters control;
    private final DebugRegisters debugRegisters;
    private final DescriptorInstructions descriptors;
    private final SegmentMoves moves;
    private final FloatingState floatingState;
    private final Translations translations;
    private final Hypercalls hypercalls;
    private final SystemOperands operands;
    private final int[] answer = new int[4];

    public SystemInstructions(Cpu cpu, Mmu mmu, Msrs msrs, Apic apic) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.msrs = msrs;
        operands = new SystemOperands(cpu, mmu);
        segmentation = new Segmentation(cpu, mmu);
        debugging = new Debugging(cpu);
        TaskState taskState = new TaskState(cpu, mmu);
        TaskSwitch tasks = new TaskSwitch(cpu, mmu, segmentation, debugging);
        delivery = new Delivery(cpu, mmu, segmentation, debugging, taskState, tasks);
        permissions = new Permissions(cpu, mmu);
        transfers = new FarTransfers(cpu, mmu, segmentation, taskState, tasks);
        interruptReturn = new InterruptReturn(cpu, mmu, segmentation, debugging, tasks);
        fastCalls = new FastCalls(cpu, mmu, segmentation, debugging);
        control = new ControlRegisters(cpu, mmu, msrs, apic, operands);
        debugRegisters = new DebugRegisters(cpu, debugging, operands);
        descriptors = new DescriptorInstructions(cpu, mmu, segmentation, operands);
        moves = new SegmentMoves(cpu, mmu, segmentation, debugging, operands);
        floatingState = new FloatingState(cpu, mmu);
        translations = new Translations(cpu, mmu);
        hypercalls = new Hypercalls(cpu, msrs);
    }

    public Segmentation segmentation() {
        return segmentation;
    }

    public Debugging debugging() {
        return debugging;
    }

    long timeOffset() {
        return msrs.timeStampOffset();
    }

    FastCalls fastCalls() {
        return fastCalls;
    }

    public Delivery delivery() {
        return delivery;
    }

    /** Raises #GP(0) unless the current level may use these ports. */
    public void checkPort(int port, int size) {
        permissions.checkPort(port, size);
    }

    /** Raises #NM, #UD or #MF unless CR0, CR4 and the x87 unit allow an instruction of x87, MMX or SSE now. */
    public void checkFpu(Insn insn) {
        permissions.checkFpu(insn);
    }

    /**
     * Executes one instruction.
     *
     * @param linear address of its memory operand, checked; or 0
     * @param next RIP behind it
     * @return RIP to go on at
     */
    public long execute(Insn insn, long linear, long next) {
        switch (insn.op) {
            case JMP_FAR -> {
                return transfers.jump((int) insn.imm2 & 0xffff, offset(insn, insn.imm), next);
            }
            case CALL_FAR -> {
                return transfers.call((int) insn.imm2 & 0xffff, offset(insn, insn.imm), insn.operandSize, next);
            }
            case JMP_FAR_INDIRECT -> {
                long offset = mmu.read(linear, insn.operandSize);
                return transfers.jump((int) mmu.read(linear + insn.operandSize, 2), offset, next);
            }
            case CALL_FAR_INDIRECT -> {
                long offset = mmu.read(linear, insn.operandSize);
                return transfers.call((int) mmu.read(linear + insn.operandSize, 2), offset, insn.operandSize, next);
            }
            case RET_FAR -> {
                int release = insn.kind[0] == OperandKind.IMMEDIATE ? (int) insn.imm & 0xffff : 0;
                return transfers.returnFar(insn.operandSize, release);
            }
            case IRET -> {
                return interruptReturn.execute(insn.operandSize, next);
            }
            case INT, INT1, INT3, INTO -> {
                return interrupt(insn, next);
            }
            case SYSCALL -> {
                return fastCalls.systemCall(next);
            }
            case SYSRET -> {
                return fastCalls.systemReturn(insn.operandSize);
            }
            case SYSENTER -> {
                return fastCalls.systemEnter();
            }
            case SYSEXIT -> {
                return fastCalls.systemExit();
            }
            case NOP, PAUSE, FENCE, SERIALIZE, CACHE_HINT -> {}
            case HLT -> {
                privileged();
                cpu.halted = true;
                cpu.request(Pending.SELF);
            }
            case CLI -> {
                permissions.checkInterruptFlag();
                cpu.rflags(cpu.rflags() & ~(long) Rflags.IF);
            }
            case STI -> setInterruptFlag();
            case CLTS -> control.clearTaskSwitched();
            case LMSW -> control.machineStatus(insn, linear);
            case SMSW -> control.storeMachineStatus(insn, linear);
            case MOV_TO_CR -> control.moveTo(insn);
            case MOV_FROM_CR -> control.moveFrom(insn);
            case MOV_TO_DR -> debugRegisters.moveTo(insn);
            case MOV_FROM_DR -> debugRegisters.moveFrom(insn);
            case LGDT, SGDT, LIDT, SIDT, LLDT, SLDT, LTR, STR, LAR, LSL, VERR, VERW, ARPL ->
                descriptors.execute(insn, linear);
            case MOV_TO_SREG, MOV_FROM_SREG, PUSH_SREG, POP_SREG, LOAD_FAR -> moves.execute(insn, linear);
            case SWAPGS, RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE -> moves.bases(insn);
            case RDMSR, WRMSR, RDTSC, RDTSCP, RDPMC, CPUID, XGETBV, XSETBV -> registers(insn);
            case INVD, WBINVD -> privileged();
            case INVLPG, INVPCID -> translations.invalidate(insn, linear);
            case CLAC -> alignmentCheck(0);
            case STAC -> alignmentCheck(Rflags.AC);
            case MONITOR, MWAIT -> monitor(insn);
            case VMCALL, VMMCALL -> hypercalls.call();
            case FXSAVE, FXRSTOR, LDMXCSR, STMXCSR -> {
                permissions.checkFpu(insn);
                floatingState.execute(insn, linear);
            }
            case XSAVE, XSAVEOPT, XRSTOR -> floatingState.execute(insn, linear);
            case WAIT -> permissions.checkFpu(insn);
            default -> throw cpu.ud(); // UD, RSM, what does not exist
        }
        return next;
    }

    private static long offset(Insn insn, long value) {
        return insn.operandSize == 2 ? value & 0xffff : value & 0xffff_ffffL;
    }

    private void privileged() {
        if (cpu.cpl != 0) {
            throw cpu.gp(0);
        }
    }

    private long interrupt(Insn insn, long next) {
        switch (insn.op) {
            case INT -> {
                if (cpu.virtual8086() && (cpu.rflags() & Rflags.IOPL) != Rflags.IOPL) {
                    throw cpu.gp(0);
                }
                delivery.software((int) insn.imm & 0xff, next);
            }
            case INT1 -> delivery.trap(VECTOR_INT1, next);
            case INT3 -> {
                debugging.softwareBreakpoint();
                delivery.software(VECTOR_INT3, next);
            }
            default -> {
                if (!cpu.flag(Rflags.OF)) {
                    return next;
                }
                delivery.software(VECTOR_INTO, next);
            }
        }
        return cpu.rip();
    }

    private void setInterruptFlag() {
        permissions.checkInterruptFlag();
        if (!cpu.flag(Rflags.IF)) {
            cpu.rflags(cpu.rflags() | Rflags.IF);
            cpu.interruptShadow = true;
            cpu.unblocked();
        }
    }

    private void registers(Insn insn) {
        int index = (int) cpu.gpr(Cpu.RCX);
        switch (insn.op) {
            case RDMSR -> {
                privileged();
                pair(msrs.read(index));
            }
            case WRMSR -> {
                privileged();
                msrs.write(index, value());
            }
            case RDTSC, RDTSCP -> {
                if (cpu.cpl != 0 && (cpu.cr4 & Control.CR4_TSD) != 0) {
                    throw cpu.gp(0);
                }
                pair(msrs.timeStampCounter());
                if (insn.op == Op.RDTSCP) {
                    cpu.gpr(Cpu.RCX, cpu.tscAux & 0xffff_ffffL);
                }
            }
            case RDPMC -> {
                if (cpu.cpl != 0 && (cpu.cr4 & Control.CR4_PCE) == 0 || index < 0 || index >= PERFORMANCE_COUNTERS) {
                    throw cpu.gp(0);
                }
                pair(msrs.read(PERFORMANCE_COUNTER + index));
            }
            case CPUID -> {
                msrs.cpuid((int) cpu.gpr(Cpu.RAX), index, answer);
                cpu.gpr(Cpu.RAX, answer[0] & 0xffff_ffffL);
                cpu.gpr(Cpu.RBX, answer[1] & 0xffff_ffffL);
                cpu.gpr(Cpu.RCX, answer[2] & 0xffff_ffffL);
                cpu.gpr(Cpu.RDX, answer[3] & 0xffff_ffffL);
            }
            case XGETBV -> {
                if ((cpu.cr4 & Control.CR4_OSXSAVE) == 0) {
                    throw cpu.ud();
                }
                if (index != 0) {
                    throw cpu.gp(0);
                }
                pair(cpu.xcr0);
            }
            default -> control.extended(index, value());
        }
    }

    private long value() {
        return cpu.gpr(Cpu.RDX) << 32 | cpu.gpr(Cpu.RAX) & 0xffff_ffffL;
    }

    private void pair(long value) {
        cpu.gpr(Cpu.RAX, value & 0xffff_ffffL);
        cpu.gpr(Cpu.RDX, value >>> 32);
    }

    private void alignmentCheck(long flag) {
        if (cpu.cpl != 0) {
            throw cpu.ud();
        }
        cpu.rflags(cpu.rflags() & ~(long) Rflags.AC | flag);
        mmu.rightsChanged();
    }

    /** Not offered by CPUID, but harmless: the wait ends at once. */
    private void monitor(Insn insn) {
        if (cpu.cpl != 0) {
            throw cpu.ud();
        }
        if (insn.op == Op.MONITOR && (int) cpu.gpr(Cpu.RCX) != 0) {
            throw cpu.gp(0);
        }
    }
}
