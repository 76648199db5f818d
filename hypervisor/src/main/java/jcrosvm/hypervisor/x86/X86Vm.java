package jcrosvm.hypervisor.x86;

import jcrosvm.hypervisor.Vm;

/** A virtual machine of x86-64 processors. */
public interface X86Vm extends Vm {
    /** The vCPU with this APIC id. */
    @Override
    X86Vcpu createVcpu(int apicId);
}
