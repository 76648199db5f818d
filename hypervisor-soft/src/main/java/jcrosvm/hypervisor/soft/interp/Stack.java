package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/** The stack at SS:rSP, in the width of the current stack segment. A fault leaves rSP as it was. */
public final class Stack {
    private final Cpu cpu;
    private final Mmu mmu;
    private final Addressing addressing;

    public Stack(Cpu cpu, Mmu mmu, Addressing addressing) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.addressing = addressing;
    }

    /** rSP in its width. */
    public long pointer() {
        return cpu.gpr(Cpu.RSP) & Alu.mask(cpu.stackSize());
    }

    /** Sets rSP in its width: a 16-bit stack pointer keeps the bits above. */
    public void pointer(long value) {
        set(Cpu.RSP, value);
    }

    /** Sets rSP or rBP in the width of the stack pointer. */
    void set(int register, long value) {
        long mask = Alu.mask(cpu.stackSize());
        long kept = cpu.stackSize() == 2 ? cpu.gpr(register) & ~mask : 0;
        cpu.gpr(register, kept | value & mask);
    }

    public void push(int size, long value) {
        long to = pointer() - size & Alu.mask(cpu.stackSize());
        write(to, size, value);
        pointer(to);
    }

    public long pop(int size) {
        long from = pointer();
        long value = read(from, size);
        pointer(from + size);
        return value;
    }

    /** Reads at an offset in the stack segment, truncated to the stack's width. */
    long read(long offset, int size) {
        return mmu.read(addressing.linear(Cpu.SS, offset & Alu.mask(cpu.stackSize()), size, false), size);
    }

    void write(long offset, int size, long value) {
        mmu.write(addressing.linear(Cpu.SS, offset & Alu.mask(cpu.stackSize()), size, true), size, value);
    }

    /** Faults as a write there would. */
    void probe(long offset, int size) {
        mmu.probe(addressing.linear(Cpu.SS, offset & Alu.mask(cpu.stackSize()), size, true), size, true);
    }
}
