package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import jcrosvm.hypervisor.soft.mmu.Outside;

/** Executes guest code instruction by instruction, in every mode. Faults leave with RIP at their instruction. */
public final class Interpreter implements Engine {
    private static final int PAGE = 4096;
    private static final long NO_PAGE = 1;

    private final Cpu cpu;
    private final Mmu mmu;
    private final SystemInstructions system;
    private final Debugging debugging;
    private final HostUnit hostUnit;
    private final CodeCache cache;

    private final Operands operands;
    private final Addressing addressing;
    private final Arithmetic arithmetic;
    private final Multiplication multiplication;
    private final Bits bits;
    private final Decimal decimal;
    private final Movement movement;
    private final Exchange exchange;
    private final StackInstructions stack;
    private final Branches branches;
    private final Strings strings;
    private final Ports ports;

    /** Linear and physical address of the page that code comes from, as long as no translation can have changed. */
    private long codePage = NO_PAGE;

    private long codePhysical;

    private int systemSteps;

    public Interpreter(
            Cpu cpu, Mmu mmu, Outside outside, SystemInstructions system, HostUnit hostUnit, DecodeBudget budget) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.system = system;
        debugging = system.debugging();
        this.hostUnit = hostUnit;
        cache = new CodeCache(cpu, mmu, mmu.memory().codePages(), budget);
        operands = new Operands(cpu, mmu);
        addressing = new Addressing(cpu);
        Alu alu = new Alu(cpu);
        Stack pushes = new Stack(cpu, mmu, addressing);
        arithmetic = new Arithmetic(mmu, operands, alu, new Shifts(cpu, alu));
        multiplication = new Multiplication(cpu, operands);
        bits = new Bits(cpu, mmu, operands, addressing, alu);
        decimal = new Decimal(cpu, operands, alu);
        movement = new Movement(cpu, mmu, operands, addressing);
        exchange = new Exchange(cpu, mmu, operands, alu);
        stack = new StackInstructions(cpu, mmu, operands, addressing, pushes, debugging);
        branches = new Branches(cpu, operands, pushes);
        strings = new Strings(cpu, mmu, operands, addressing, alu);
        ports = new Ports(cpu, mmu, outside, operands, strings, system);
    }

    public FastCalls fastCalls() {
        return system.fastCalls();
    }

    /** Counts system instructions: what is neither in a general register nor in RFLAGS may have changed with one. */
    public int systemSteps() {
        return systemSteps;
    }

    /** The time stamp counter less the host's monotonic nanoseconds. */
    public long timeOffset() {
        return system.timeOffset();
    }

    /** The processor is gone: it need not be told of changed code. */
    public void close() {
        cache.close();
    }

    @Override
    public void run() {
        codePage = NO_PAGE;
        while (cpu.pending() == 0) {
            oneBlock();
        }
    }

    /** Executes one or more instructions, at most up to the next branch. */
    public void advance() {
        codePage = NO_PAGE;
        oneBlock();
    }

    /** Executes up to the next branch, or one instruction. */
    void oneBlock() {
        if (cpu.interruptShadow || debugging.armed()) {
            step();
        } else {
            block();
        }
    }

    /** Executes one instruction (of a repeated string instruction perhaps only a part). */
    public void step() {
        codePage = NO_PAGE;
        boolean shadow = cpu.interruptShadow;
        boolean armed = debugging.armed();
        if (armed) {
            debugging.beforeInstruction();
        }
        Block block = locate(1);
        Insn insn = block.insns[0];
        long rip = cpu.rip();
        if (insn.length != block.length && beyondLimit(rip, insn.length)) {
            throw cpu.gp(0);
        }
        long linear = armed && insn.memory ? addressing.unchecked(insn) : 0;
        cpu.rip(truncate(execute(insn, block.routes[0], truncate(rip + insn.length))));
        if (shadow) {
            cpu.interruptShadow = false;
            cpu.unblocked();
        }
        if (armed) {
            debugging.afterInstruction(insn, linear);
        }
    }

    /** Executes the instructions up to the next branch. */
    private void block() {
        Block block = locate(Block.MAX);
        long rip = cpu.rip();
        int count = block.count;
        if (count > 1 && beyondLimit(rip, block.length)) {
            step(); // some of them do not fit into the code segment
            return;
        }
        long key = block.key;
        int i = 0;
        while (true) {
            Insn insn = block.insns[i];
            long next = truncate(rip + insn.length);
            rip = execute(insn, block.routes[i], next);
            cpu.rip(rip);
            if (++i == count || rip != next || block.key != key) {
                break;
            }
        }
        if (cpu.codeSize() != 8) {
            cpu.rip(rip & 0xffff_ffffL);
        }
    }

    private long truncate(long rip) {
        return cpu.codeSize() == 8 ? rip : rip & 0xffff_ffffL;
    }

    private boolean beyondLimit(long rip, int length) {
        return cpu.codeSize() != 8 && rip + length - 1 > cpu.limit[Cpu.CS];
    }

    /** The block at CS:RIP. */
    private Block locate(int max) {
        long rip = cpu.rip();
        int codeSize = cpu.codeSize();
        long linear = codeSize == 8 ? rip : cpu.segmentBase(Cpu.CS) + rip & 0xffff_ffffL;
        if ((linear & -PAGE) != codePage) {
            if (beyondLimit(rip, 1)) {
                throw cpu.gp(0);
            }
            codePhysical = mmu.physicalOfCode(linear) & -PAGE;
            codePage = linear & -PAGE;
        }
        long physical = codePhysical | linear & PAGE - 1;
        Block block = cache.find(CodeCache.key(physical, codeSize));
        if (block == null || block.cut && max > 1 || block.second != Block.ONE_PAGE && moved(block, linear)) {
            return cache.build(linear, physical, max);
        }
        if (beyondLimit(rip, block.count == 1 ? block.length : 1)) {
            throw cpu.gp(0);
        }
        return block;
    }

    /** Whether the second page of an instruction is another one now. */
    private boolean moved(Block block, long linear) {
        long next = (linear | PAGE - 1) + 1;
        return mmu.physicalOfCode(cpu.codeSize() == 8 ? next : next & 0xffff_ffffL) != block.second;
    }

    /** Executes an instruction and returns where to go on. */
    private long execute(Insn insn, int route, long next) {
        switch (route) {
            case Route.MODIFY -> arithmetic.modify(insn, linear(insn));
            case Route.COMPARE -> arithmetic.compare(insn, linear(insn));
            case Route.SHIFT -> arithmetic.shift(insn, linear(insn));
            case Route.MOVE -> movement.execute(insn, linear(insn));
            case Route.LEA -> operands.write(insn, 0, 0, addressing.effective(insn));
            case Route.BRANCH -> {
                return branches.execute(insn, linear(insn), next);
            }
            case Route.PUSH -> stack.push(insn, linear(insn));
            case Route.POP -> stack.pop(insn);
            case Route.MULTIPLY -> multiplication.execute(insn, linear(insn));
            case Route.FLAGS -> movement.flags(insn);
            case Route.NOTHING -> {}
            default -> {
                return executeOther(insn, route, next);
            }
        }
        return next;
    }

    private long executeOther(Insn insn, int route, long next) {
        switch (route) {
            case Route.STACK -> stack.execute(insn);
            case Route.BITS -> bits.execute(insn, linear(insn));
            case Route.BIT_TEST -> bits.test(insn);
            case Route.DECIMAL -> decimal.execute(insn);
            case Route.EXCHANGE -> {
                if (insn.op == Op.CMPXCHG16B && (addressing.unchecked(insn) & 15) != 0) {
                    throw cpu.gp(0); // before #SS and #AC
                }
                exchange.execute(insn, linear(insn));
            }
            case Route.STRING -> {
                return strings.execute(insn, next);
            }
            case Route.PORT -> {
                return ports.execute(insn, next);
            }
            case Route.FLOATING -> floating(insn);
            default -> {
                long linear = linear(insn);
                codePage = NO_PAGE;
                systemSteps++;
                return system.execute(insn, linear, next);
            }
        }
        return next;
    }

    private long linear(Insn insn) {
        return insn.memory ? addressing.linear(insn) : 0;
    }

    private void floating(Insn insn) {
        system.checkFpu(insn);
        if (insn.op == Op.MASKMOV) {
            long offset = Addressing.truncate(cpu.gpr(Cpu.RDI), insn.addressSize);
            hostUnit.execute(insn, addressing.linear(insn.segment, offset, insn.size[0], true));
            return;
        }
        if (insn.memory && insn.form.has(Form.ALIGNED_16) && (addressing.unchecked(insn) & 15) != 0) {
            throw cpu.gp(0); // before #SS and #AC
        }
        hostUnit.execute(insn, linear(insn));
    }
}
