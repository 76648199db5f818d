package jcrosvm.hypervisor;

import java.util.List;
import jcrosvm.base.Stateful;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.Msr;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.hypervisor.x86.VcpuState;

/**
 * A virtual processor. All methods but {@link #kick} belong to the thread that runs it, or to whoever set it up before
 * that thread started.
 */
public interface Vcpu extends Stateful<VcpuState>, AutoCloseable {
    int id();

    /** Runs guest code until something happens that the caller must decide. */
    VcpuExit run(VcpuExitHandler handler);

    /** Makes {@link #run} return INTERRUPTED soon, or at once when it is next called. From any thread; never lost. */
    void kick();

    Registers registers();

    void registers(Registers registers);

    SpecialRegisters specialRegisters();

    void specialRegisters(SpecialRegisters registers);

    void cpuid(CpuidTable table);

    /** Values of the MSRs asked for, those the hypervisor does not know left out. */
    List<Msr> readMsrs(int... indices);

    /** @throws jcrosvm.base.VmmException naming the first MSR that was refused */
    void writeMsrs(List<Msr> msrs);

    /** The local APIC's register page (1 KiB used), xAPIC layout. */
    byte[] localApic();

    void localApic(byte[] registers);

    /** Tells the guest's watchdogs that it was paused, so that they do not complain. */
    void notifyPaused();

    /** Everything that makes up the processor, for a snapshot. */
    @Override
    VcpuState state();

    @Override
    void restore(VcpuState state);

    @Override
    void close();
}
