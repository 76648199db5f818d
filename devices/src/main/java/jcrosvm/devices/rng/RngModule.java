package jcrosvm.devices.rng;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import jcrosvm.base.io.Fd;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.SandboxProfile;
import jcrosvm.virtio.StandaloneOptions;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;

/** The entropy device of every VM. */
public final class RngModule implements DeviceModule<RngConfig> {
    private static final Option<Boolean> NO_RNG = Option.flag("no-rng", "Without entropy device.");

    @Override
    public String name() {
        return "rng";
    }

    @Override
    public Class<RngConfig> configType() {
        return RngConfig.class;
    }

    @Override
    public Option.Group options() {
        return new Option.Group("Entropy", List.of(NO_RNG));
    }

    @Override
    public List<RngConfig> read(Arguments arguments) {
        return arguments.has(NO_RNG) ? List.of() : List.of(new RngConfig());
    }

    @Override
    public Optional<StandaloneOptions<RngConfig>> standalone() {
        return Optional.of(StandaloneOptions.single(List.of(), "", arguments -> new RngConfig()));
    }

    @Override
    public SandboxProfile sandbox(RngConfig config) {
        return SandboxProfile.of("readv");
    }

    /** The kernel's generator, which never waits and writes straight into the guest's buffers. */
    @Override
    public HostResources open(RngConfig config, int index, VmFacts vm) {
        return new HostResources().with("random", Fd.open(Path.of("/dev/urandom"), Fd.O_RDONLY));
    }

    @Override
    public VirtioDevice create(RngConfig config, int index, HostResources resources, VmFacts vm) {
        return new RngDevice(resources.take("random"));
    }
}
