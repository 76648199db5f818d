package jcrosvm.hypervisor;

import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.memory.GuestMemory;

/** An opened hypervisor: makes VMs. */
public interface Hypervisor extends AutoCloseable {
    String name();

    boolean supports(Capability capability);

    /** CPUID leaves that a guest can be offered, unadjusted for topology. */
    CpuidTable supportedCpuid();

    /** Most vCPUs of one VM. */
    int maxVcpus();

    /** A VM over {@code memory}, all of whose regions are mapped. The VM does not own the memory. */
    Vm createVm(GuestMemory memory, IrqChipMode mode);

    @Override
    void close();

    /** What not every hypervisor, or not every host, has. */
    enum Capability {
        /** PIC, PIT and IOAPIC inside the hypervisor: {@link IrqChipMode#KERNEL}. */
        KERNEL_IRQCHIP,
        /** Memory slots whose writes exit as MMIO. */
        READONLY_MEMORY,
        /** A deadline mode of the local APIC timer. */
        TSC_DEADLINE,
        /** More than 255 vCPUs, x2APIC identifiers in MSIs. */
        X2APIC_API,
        /** vCPUs see what the host's kernel and other processes write into the guest's memory. */
        FOREIGN_WRITES
    }
}
