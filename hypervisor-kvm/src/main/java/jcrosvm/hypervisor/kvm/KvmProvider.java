package jcrosvm.hypervisor.kvm;

import java.nio.file.Path;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.HypervisorProvider;
import jcrosvm.hypervisor.kvm.KvmSpec.Cap;
import org.jspecify.annotations.Nullable;

/** Opens /dev/kvm, saying plainly what is wrong when that fails. */
public final class KvmProvider implements HypervisorProvider {
    private static final Path DEVICE = Path.of("/dev/kvm");

    /** Without these nothing here works; all are in Linux 4.12. */
    private static final Cap[] REQUIRED = {
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

    private static volatile @Nullable Availability usual;

    @Override
    public String name() {
        return "kvm";
    }

    /** The host does not change: a program that starts many VMs measures once. */
    @Override
    public Availability probe(@Nullable Path device) {
        Availability known = usual;
        if (device == null && known != null) {
            return known;
        }
        try {
            Availability measured = measure(device);
            if (device == null) {
                usual = measured;
            }
            return measured;
        } catch (VmmException e) {
            return new Availability(Availability.Level.MISSING, String.valueOf(e.getMessage()));
        }
    }

    private static Availability measure(@Nullable Path device) {
        try (KvmHypervisor kvm = openKvm(device)) {
            long rate = InterpretationProbe.instructionsPerSecond(kvm);
            if (rate < InterpretationProbe.NATIVE_RATE) {
                return new Availability(
                        Availability.Level.INTERPRETED,
                        "it interprets guest code, at about " + Math.ceilDiv(rate, 1_000_000)
                                + " million instructions a second (nested virtualisation)");
            }
            return new Availability(Availability.Level.NATIVE, "it runs guest code on the processor");
        }
    }

    @Override
    public Hypervisor open(@Nullable Path device) {
        return openKvm(device);
    }

    private static KvmHypervisor openKvm(@Nullable Path device) {
        Path path = device == null ? DEVICE : device;
        Fd fd;
        try {
            fd = Fd.open(path, Fd.O_RDWR);
        } catch (OsException e) {
            throw new VmmException(
                    switch (e.errno()) {
                        case Errno.ENOENT ->
                            "there is no " + path
                                    + ": load kvm_intel or kvm_amd, and enable virtualisation in the firmware";
                        case Errno.EACCES, Errno.EPERM ->
                            "no permission to open " + path + ": add your user to its group (usually kvm)";
                        case Errno.ENXIO, Errno.ENODEV -> path + " has no driver behind it: load kvm_intel or kvm_amd";
                        default -> String.valueOf(e.getMessage());
                    },
                    e);
        }
        try {
            int version = fd.tryIoctl(KvmSpec.KVM_GET_API_VERSION, 0);
            if (version < 0) {
                throw new VmmException(path + " is not a KVM device (" + Errno.name(-version) + ")");
            }
            if (version != KvmSpec.KVM_API_VERSION) {
                throw new VmmException(path + " speaks KVM API version " + version + ", not 12");
            }
            for (Cap cap : REQUIRED) {
                if (fd.tryIoctl(KvmSpec.KVM_CHECK_EXTENSION, cap.number) <= 0) {
                    throw new VmmException(path + " lacks " + cap + ": a newer host kernel is needed");
                }
            }
            return new KvmHypervisor(fd);
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
    }
}
