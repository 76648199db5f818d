package jcrosvm.hypervisor.kvm;

import java.nio.file.Path;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.HypervisorProvider;
import org.jspecify.annotations.Nullable;

/** Opens /dev/kvm, saying plainly what is wrong when that fails. */
public final class KvmProvider implements HypervisorProvider {
    private static final Path DEVICE = Path.of("/dev/kvm");

    private static final Availability NATIVE =
            new Availability(Availability.Level.NATIVE, "it runs guest code on the processor");

    private static final Availability UNMEASURED =
            new Availability(Availability.Level.NATIVE, "it is there, and its speed not known yet");

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
            return missing(e);
        }
    }

    @Override
    public Availability expect(@Nullable Path device) {
        Availability known = usual;
        if (device == null && known != null) {
            return known;
        }
        try {
            openKvm(device).close();
            return UNMEASURED;
        } catch (VmmException e) {
            return missing(e);
        }
    }

    private static Availability missing(VmmException e) {
        return new Availability(Availability.Level.MISSING, String.valueOf(e.getMessage()));
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
            return NATIVE;
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
            KvmCapabilities capabilities = new KvmCapabilities(fd::tryIoctl);
            capabilities.require(path);
            return new KvmHypervisor(fd, capabilities);
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
    }
}
