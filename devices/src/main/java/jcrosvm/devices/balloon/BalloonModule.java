package jcrosvm.devices.balloon;

import java.util.List;
import java.util.Optional;
import jcrosvm.base.VmmException;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.virtio.ControlVerb;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.SandboxProfile;
import jcrosvm.virtio.StandaloneOptions;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;

/** The balloon of every VM, its options and what can be asked of it. */
public final class BalloonModule implements DeviceModule<BalloonConfig> {
    private static final Option<Boolean> NO_BALLOON = Option.flag("no-balloon", "Without balloon device.");
    private static final Option<Boolean> PAGE_REPORTING =
            Option.flag("balloon-page-reporting", "Let the guest report free pages, which go back to the host.");
    private static final Option<Long> INIT_MEM = Option.word(
            "init-mem",
            Long.class,
            "MIB",
            "Memory that the guest has at first, in MiB; the rest of it is in the balloon.");

    @Override
    public String name() {
        return "balloon";
    }

    @Override
    public Class<BalloonConfig> configType() {
        return BalloonConfig.class;
    }

    @Override
    public Option.Group options() {
        return new Option.Group("Balloon", List.of(NO_BALLOON, PAGE_REPORTING, INIT_MEM));
    }

    @Override
    public List<BalloonConfig> read(Arguments arguments) {
        Long initMem = arguments.value(INIT_MEM);
        if (initMem != null && initMem == 0) {
            throw new VmmException("--init-mem: a guest needs at least 1 MiB of memory, not 0");
        }
        if (arguments.has(NO_BALLOON)) {
            if (initMem != null || arguments.has(PAGE_REPORTING)) {
                throw new VmmException("--no-balloon cannot be combined with --init-mem or --balloon-page-reporting");
            }
            return List.of();
        }
        return List.of(new BalloonConfig(arguments.has(PAGE_REPORTING), initMem == null ? 0 : initMem));
    }

    /** Nothing asks it for a size when it is served by itself: it is there for free pages. */
    @Override
    public Optional<StandaloneOptions<BalloonConfig>> standalone() {
        return Optional.of(StandaloneOptions.single(
                List.of(PAGE_REPORTING), "", arguments -> new BalloonConfig(arguments.has(PAGE_REPORTING), 0)));
    }

    @Override
    public SandboxProfile sandbox(BalloonConfig config) {
        return SandboxProfile.of("madvise", "fallocate");
    }

    @Override
    public HostResources open(BalloonConfig config, int index, VmFacts vm) {
        return new HostResources();
    }

    @Override
    public VirtioDevice create(BalloonConfig config, int index, HostResources resources, VmFacts vm) {
        long initial = config.initMemMib() << 20;
        if (initial > vm.memorySize()) {
            throw new VmmException("--init-mem: " + config.initMemMib() + " MiB are more than the guest's memory of "
                    + (vm.memorySize() >> 20) + " MiB");
        }
        return new BalloonDevice(config, vm.memorySize(), initial == 0 ? 0 : vm.memorySize() - initial);
    }

    @Override
    public List<ControlVerb> verbs() {
        return List.of(BalloonCommand.VERB);
    }
}
