package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.isa.Insn;

/** Executes x87, MMX and SSE instructions on the host's own unit over the processor's state. */
@FunctionalInterface
public interface HostUnit {
    /**
     * Executes one instruction of {@code Op.X87}, {@code SIMD} or {@code EMMS}. The caller has checked CR0 and CR4 and
     * sets RIP. Faults of the memory operand and of the arithmetic are thrown with the state unchanged.
     *
     * @param linear address of the memory operand, if it has one
     */
    void execute(Insn insn, long linear);
}
