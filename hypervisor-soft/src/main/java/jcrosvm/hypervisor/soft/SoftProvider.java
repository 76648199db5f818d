package jcrosvm.hypervisor.soft;

import java.nio.file.Path;
import jcrosvm.base.VmmException;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.HypervisorProvider;
import org.jspecify.annotations.Nullable;

/** The software processor: needs nothing of the host but its kind of processor. */
public final class SoftProvider implements HypervisorProvider {
    static final String NAME = "soft";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Availability probe(@Nullable Path device) {
        String system = System.getProperty("os.name", "");
        String architecture = System.getProperty("os.arch", "");
        if (!system.equals("Linux") || !architecture.equals("amd64")) {
            return new Availability(
                    Availability.Level.MISSING,
                    "it translates to code of x86-64 Linux hosts, and this one is " + system + " on " + architecture);
        }
        if (device != null) {
            return new Availability(Availability.Level.MISSING, "it uses no device, so " + device + " means another");
        }
        return new Availability(Availability.Level.TRANSLATED, "it translates guest code in software");
    }

    @Override
    public Hypervisor open(@Nullable Path device) {
        Availability availability = probe(device);
        if (availability.level() == Availability.Level.MISSING) {
            throw new VmmException("no software processor: " + availability.reason());
        }
        return new SoftHypervisor();
    }
}
