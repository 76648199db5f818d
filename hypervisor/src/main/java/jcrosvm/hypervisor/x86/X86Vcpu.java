package jcrosvm.hypervisor.x86;

import java.util.List;
import jcrosvm.base.Stateful;
import jcrosvm.hypervisor.Vcpu;

/** An x86-64 processor with its local APIC; its id is its APIC id. */
public interface X86Vcpu extends Vcpu, Stateful<VcpuState> {
    /** The general-purpose registers, RIP and RFLAGS. */
    Registers registers();

    /** Replaces them. A halted processor goes on. */
    void registers(Registers registers);

    /** Segments, descriptor tables, control registers, EFER and the APIC base. */
    SpecialRegisters specialRegisters();

    /**
     * Replaces them.
     *
     * @throws jcrosvm.base.VmmException when no processor can be in this state
     */
    void specialRegisters(SpecialRegisters registers);

    /** What the CPUID instruction answers. */
    void cpuid(CpuidTable table);

    /** Values of the MSRs asked for, those the hypervisor does not know left out. */
    List<Msr> readMsrs(int... indices);

    /** @throws jcrosvm.base.VmmException naming the first MSR that was refused */
    void writeMsrs(List<Msr> msrs);

    /** The local APIC's register page (1 KiB used), xAPIC layout. */
    byte[] localApic();

    /**
     * Replaces them.
     *
     * @param registers as {@link #localApic()} gives them
     */
    void localApic(byte[] registers);

    @Override
    default String describe() {
        return registers() + " " + specialRegisters();
    }

    /** Everything that makes up the processor, for a snapshot. */
    @Override
    VcpuState state();

    /**
     * Takes the state of such a processor over.
     *
     * @throws jcrosvm.base.VmmException when this processor cannot be in it
     */
    @Override
    void restore(VcpuState state);
}
