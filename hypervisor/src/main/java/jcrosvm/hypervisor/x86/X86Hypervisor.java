package jcrosvm.hypervisor.x86;

import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.memory.GuestMemory;

/** A hypervisor whose guests are x86-64 machines. */
public interface X86Hypervisor extends Hypervisor {
    /** CPUID leaves that a guest can be offered, unadjusted for topology. */
    CpuidTable supportedCpuid();

    /** Whether the timer of the local APIC has the TSC-deadline mode (SDM volume 3, 11.5.4.1). */
    boolean hasTscDeadline();

    @Override
    X86Vm createVm(GuestMemory memory, IrqChipMode mode);
}
