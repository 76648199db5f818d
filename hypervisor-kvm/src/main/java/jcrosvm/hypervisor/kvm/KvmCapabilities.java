package jcrosvm.hypervisor.kvm;

import java.nio.file.Path;
import jcrosvm.base.Errno;
import jcrosvm.base.VmmException;
import jcrosvm.hypervisor.Hypervisor.Capability;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.kvm.KvmSpec.Cap;

/** What a KVM says of itself: its API version and KVM_CHECK_EXTENSION (Linux, Documentation/virt/kvm/api.rst, 4.1 and 4.4). */
final class KvmCapabilities {
    /** Without these nothing here works; all are in Linux 4.12. */
    static final Cap[] REQUIRED = {
        Cap.KVM_CAP_IRQCHIP,
        Cap.KVM_CAP_USER_MEMORY,
        Cap.KVM_CAP_SET_TSS_ADDR,
        Cap.KVM_CAP_EXT_CPUID,
        Cap.KVM_CAP_IRQ_ROUTING,
        Cap.KVM_CAP_IRQFD,
        Cap.KVM_CAP_PIT2,
        Cap.KVM_CAP_IOEVENTFD,
        Cap.KVM_CAP_SET_IDENTITY_MAP_ADDR,
        Cap.KVM_CAP_SIGNAL_MSI,
        Cap.KVM_CAP_IMMEDIATE_EXIT,
    };

    /** An ioctl on the device: its result, or the negated errno. */
    @FunctionalInterface
    interface Ioctl {
        int call(long request, long argument);
    }

    private final Ioctl device;

    KvmCapabilities(Ioctl device) {
        this.device = device;
    }

    /** The value of a capability, 0 if it is missing. */
    int value(Cap cap) {
        return Math.max(0, device.call(KvmSpec.KVM_CHECK_EXTENSION, cap.number));
    }

    /** @throws VmmException naming the first thing that is missing */
    void require(Path path) {
        int version = device.call(KvmSpec.KVM_GET_API_VERSION, 0);
        if (version < 0) {
            throw new VmmException(path + " is not a KVM device (" + Errno.name(-version) + ")");
        }
        if (version != KvmSpec.KVM_API_VERSION) {
            throw new VmmException(path + " speaks KVM API version " + version + ", not 12");
        }
        for (Cap cap : REQUIRED) {
            if (value(cap) == 0) {
                throw new VmmException(path + " lacks " + cap + ": a newer host kernel is needed");
            }
        }
    }

    /** @throws VmmException when interrupt controllers cannot be divided like that */
    void require(IrqChipMode mode) {
        if (mode == IrqChipMode.SPLIT && value(Cap.KVM_CAP_SPLIT_IRQCHIP) == 0) {
            throw new VmmException(
                    "this KVM has no split interrupt chip (KVM_CAP_SPLIT_IRQCHIP): use --irqchip kernel");
        }
    }

    boolean supports(Capability capability) {
        if (capability == Capability.FOREIGN_WRITES) {
            return true; // a write is one to the pages that the guest has
        }
        return value(
                        switch (capability) {
                            case KERNEL_IRQCHIP -> Cap.KVM_CAP_IRQCHIP;
                            case READONLY_MEMORY -> Cap.KVM_CAP_READONLY_MEM;
                            case FOREIGN_WRITES -> throw new AssertionError(capability);
                        })
                > 0;
    }

    /** Most memory slots of one VM; a KVM that does not say has 32 (api.rst, 4.35). */
    int memorySlots() {
        int slots = value(Cap.KVM_CAP_NR_MEMSLOTS);
        return slots == 0 ? 32 : slots;
    }

    /** Most vCPUs of one VM. */
    int maxVcpus() {
        return Math.max(value(Cap.KVM_CAP_MAX_VCPUS), value(Cap.KVM_CAP_NR_VCPUS));
    }
}
