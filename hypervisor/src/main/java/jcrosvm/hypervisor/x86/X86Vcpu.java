package jcrosvm.hypervisor.x86;

import java.util.List;
import jcrosvm.base.Stateful;
import jcrosvm.hypervisor.Vcpu;

/** An x86-64 processor with its local APIC; its id is its APIC id. */
public interface X86Vcpu extends Vcpu, Stateful<VcpuState> {
    Registers registers();

    /** Replaces them. A halted processor goes on. */
    void registers(Registers registers);

    SpecialRegisters specialRegisters();

    void specialRegisters(SpecialRegisters registers);

    /** What the CPUID instruction answers. */
    void cpuid(CpuidTable table);

    /** Values of the MSRs asked for, those the hypervisor does not know left out. */
    List<Msr> readMsrs(int... indices);

    /** @throws jcrosvm.base.VmmException naming the first MSR that was refused */
    void writeMsrs(List<Msr> msrs);

    /** The local APIC's register page (1 KiB used), xAPIC layout. */
    byte[] localApic();

    void localApic(byte[] registers);

    @Override
    default String describe() {
        return registers() + " " + specialRegisters();
    }

    /** Everything that makes up the processor, for a snapshot. */
    @Override
    VcpuState state();

    @Override
    void restore(VcpuState state);
}
