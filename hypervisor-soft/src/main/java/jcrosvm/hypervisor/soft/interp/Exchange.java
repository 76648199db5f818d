package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** XCHG, XADD and CMPXCHG. In memory they are atomic, with LOCK or without. */
final class Exchange {
    private final Cpu cpu;
    private final Mmu mmu;
    private final Operands operands;
    private final Alu alu;

    Exchange(Cpu cpu, Mmu mmu, Operands operands, Alu alu) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.operands = operands;
        this.alu = alu;
    }

    void execute(Insn insn, long linear) {
        switch (insn.op) {
            case XCHG -> xchg(insn, linear);
            case XADD -> xadd(insn, linear);
            case CMPXCHG -> cmpxchg(insn, linear);
            case CMPXCHG8B -> cmpxchg8b(linear);
            case CMPXCHG16B -> cmpxchg16b(linear);
            default -> throw new IllegalArgumentException(insn.op.name());
        }
    }

    private void xchg(Insn insn, long linear) {
        int memory = insn.kind[1] == OperandKind.MEMORY ? 1 : 0;
        long b = operands.read(insn, 1 - memory, linear);
        long a;
        if (insn.kind[memory] == OperandKind.MEMORY) {
            int size = insn.size[memory];
            do {
                a = operands.readForWrite(linear, size);
            } while (!mmu.compareAndSet(linear, size, a, b));
        } else {
            a = operands.read(insn, memory, linear);
            operands.write(insn, memory, linear, b);
        }
        operands.write(insn, 1 - memory, linear, a);
    }

    private void xadd(Insn insn, long linear) {
        int size = insn.size[0];
        long b = operands.read(insn, 1, linear);
        long a;
        if (insn.kind[0] == OperandKind.MEMORY) {
            do {
                a = operands.readForWrite(linear, size);
            } while (!mmu.compareAndSet(linear, size, a, alu.add(size, a, b)));
            operands.write(insn, 1, linear, a);
        } else {
            a = operands.read(insn, 0, linear);
            long sum = alu.add(size, a, b);
            operands.write(insn, 1, linear, a);
            operands.write(insn, 0, linear, sum); // the sum, if both are the same register
        }
        alu.commit();
    }

    private void cmpxchg(Insn insn, long linear) {
        int size = insn.size[0];
        long expected = operands.register(Cpu.RAX, size);
        long value = operands.read(insn, 1, linear);
        long a;
        if (insn.kind[0] == OperandKind.MEMORY) {
            do {
                a = operands.readForWrite(linear, size);
            } while (!mmu.compareAndSet(linear, size, a, a == expected ? value : a));
        } else {
            a = operands.read(insn, 0, linear);
            if (a == expected) {
                operands.write(insn, 0, linear, value);
            }
        }
        alu.sub(size, expected, a);
        if (a != expected) {
            operands.register(Cpu.RAX, size, a);
        }
        alu.commit();
    }

    private void equal(boolean yes) {
        long rest = cpu.rflags() & ~Rflags.ZF;
        cpu.rflags(yes ? rest | Rflags.ZF : rest);
    }

    private void cmpxchg8b(long linear) {
        long expected = cpu.gpr(Cpu.RDX) << 32 | operands.register(Cpu.RAX, 4);
        long value = cpu.gpr(Cpu.RCX) << 32 | operands.register(Cpu.RBX, 4);
        long a;
        do {
            a = operands.readForWrite(linear, 8);
        } while (!mmu.compareAndSet(linear, 8, a, a == expected ? value : a));
        if (a != expected) {
            operands.register(Cpu.RAX, 4, a);
            operands.register(Cpu.RDX, 4, a >>> 32);
        }
        equal(a == expected);
    }

    /** At an aligned address. */
    private void cmpxchg16b(long linear) {
        long expectedLow = cpu.gpr(Cpu.RAX);
        long expectedHigh = cpu.gpr(Cpu.RDX);
        long low;
        long high;
        boolean same;
        boolean done;
        do {
            // The halves may be of different times: storing them again shows whether they were not.
            low = operands.readForWrite(linear, 8);
            high = operands.readForWrite(linear + 8, 8);
            same = low == expectedLow && high == expectedHigh;
            done = same
                    ? mmu.compareAndSet(linear, low, high, cpu.gpr(Cpu.RBX), cpu.gpr(Cpu.RCX))
                    : mmu.compareAndSet(linear, low, high, low, high);
        } while (!done);
        if (!same) {
            cpu.gpr(Cpu.RAX, low);
            cpu.gpr(Cpu.RDX, high);
        }
        equal(same);
    }
}
