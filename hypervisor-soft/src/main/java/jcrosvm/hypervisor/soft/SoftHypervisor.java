package jcrosvm.hypervisor.soft;

import jcrosvm.base.VmmException;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.X86Hypervisor;
import jcrosvm.memory.GuestMemory;

/** Makes VMs of software processors. */
final class SoftHypervisor implements X86Hypervisor {
    /** APIC ids end at 254 without a way to say more in messages. */
    static final int MAX_VCPUS = 255;

    @Override
    public String name() {
        return SoftProvider.NAME;
    }

    @Override
    public boolean supports(Capability capability) {
        return switch (capability) {
            case READONLY_MEMORY -> true;
            // Code is translated once: a write that does not go through GuestMemory leaves the old translation.
            case KERNEL_IRQCHIP, FOREIGN_WRITES -> false;
        };
    }

    @Override
    public CpuidTable supportedCpuid() {
        return SoftCpuid.table();
    }

    @Override
    public boolean hasTscDeadline() {
        return true;
    }

    @Override
    public int maxVcpus() {
        return MAX_VCPUS;
    }

    @Override
    public SoftVm createVm(GuestMemory memory, IrqChipMode mode) {
        if (mode != IrqChipMode.SPLIT) {
            throw new VmmException("the software processor has no interrupt chip of its own: use --irqchip split");
        }
        SoftVm vm = new SoftVm(memory);
        try {
            vm.mapRam();
            return vm;
        } catch (RuntimeException e) {
            vm.close();
            throw e;
        }
    }

    @Override
    public void close() {}
}
