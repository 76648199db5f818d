package jcrosvm.hypervisor;

import jcrosvm.memory.GuestMemory;

/** An opened hypervisor: makes VMs of its host's architecture, which a subtype such as {@link jcrosvm.hypervisor.x86.X86Hypervisor} stands for. */
public interface Hypervisor extends AutoCloseable {
    String name();

    boolean supports(Capability capability);

    /** Most vCPUs of one VM. */
    int maxVcpus();

    /** A VM over {@code memory}, all of whose regions are mapped. The VM does not own the memory. */
    Vm createVm(GuestMemory memory, IrqChipMode mode);

    @Override
    void close();

    /** What not every hypervisor, or not every host, has. */
    enum Capability {
        /** Interrupt controllers inside the hypervisor: {@link IrqChipMode#KERNEL}. */
        KERNEL_IRQCHIP,
        /** Memory slots whose writes exit as MMIO. */
        READONLY_MEMORY,
        /** vCPUs see what the host's kernel and other processes write into the guest's memory. */
        FOREIGN_WRITES
    }
}
