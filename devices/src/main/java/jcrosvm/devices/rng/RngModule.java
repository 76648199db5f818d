package jcrosvm.devices.rng;

import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.virtio.DeviceModule;
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
    public VirtioDevice create(RngConfig config, int index, VmFacts host) {
        return new RngDevice();
    }
}
