package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.stream.Collectors;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.config.Value;
import jcrosvm.devices.DeviceModules;
import jcrosvm.sandbox.ProgramCommand;
import jcrosvm.vhostuser.frontend.DeviceProcess;
import jcrosvm.vhostuser.frontend.DeviceThread;
import jcrosvm.vhostuser.frontend.SplitDevice;
import jcrosvm.virtio.ControlVerb;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.KernelParameters;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import jcrosvm.virtio.relay.RelayDevice;
import jcrosvm.vmm.config.VmConfig;
import org.jspecify.annotations.Nullable;

/**
 * The virtio devices of a VM, which outlive its resets: their files, taps and connections stay open. Thread-safe.
 */
final class Devices implements AutoCloseable {
    /**
     * A device in the order of the bus.
     *
     * @param process that its backend is in, or null
     * @param pciAddress as the user asked, or empty
     */
    record Placed(
            DeviceId id,
            DeviceConfig config,
            VirtioDevice device,
            @Nullable DeviceProcess process,
            String pciAddress) {}

    private final VmFacts facts;
    private final boolean foreignWrites;
    private final List<Placed> placed = new ArrayList<>(); // guarded by this
    private final List<String> early = new ArrayList<>();
    private final List<String> late = new ArrayList<>();

    /**
     * Opens what the devices need of the host.
     *
     * @param foreignWrites whether the hypervisor sees what other processes write to the guest's memory
     */
    Devices(VmConfig config, boolean foreignWrites) {
        this.foreignWrites = foreignWrites;
        facts = new VmFacts(config.cpus().count(), config.memory().sizeBytes());
        try {
            for (DeviceModule<?> module : DeviceModules.all()) {
                create(module, config.devices());
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private <C extends DeviceConfig> void create(DeviceModule<C> module, List<DeviceConfig> all) {
        List<C> configs = DeviceModules.of(module, all);
        KernelParameters parameters = module.kernelParameters(configs);
        early.addAll(parameters.early());
        late.addAll(parameters.late());
        for (int i = 0; i < configs.size(); i++) {
            placed.add(create(module, configs.get(i), i, module.pciAddress(configs.get(i))));
        }
    }

    private <C extends DeviceConfig> Placed create(DeviceModule<C> module, C config, int number, String pciAddress) {
        DeviceId id = new DeviceId(module.name(), number);
        return switch (module.placement(config)) {
            case LOCAL -> new Placed(id, config, DeviceModule.make(module, config, number, facts), null, pciAddress);
            case SOCKET ->
                new Placed(id, config, relayed(id, DeviceModule.make(module, config, number, facts)), null, pciAddress);
            case THREAD -> new Placed(id, config, inThread(module, config, number, id), null, pciAddress);
            case PROCESS -> {
                DeviceProcess process = inProcess(module, config, number, id);
                yield new Placed(id, config, relayed(id, process.device()), process, pciAddress);
            }
        };
    }

    /** A backend outside of this process writes guest memory without a word. */
    private VirtioDevice relayed(DeviceId id, VirtioDevice device) {
        return foreignWrites ? device : new RelayDevice(id + "-relay", device);
    }

    private <C extends DeviceConfig> VirtioDevice inThread(DeviceModule<C> module, C config, int number, DeviceId id) {
        HostResources resources = module.open(config, number, facts);
        return setUp(
                module,
                number,
                id,
                resources,
                split -> DeviceThread.start(split, () -> {
                    try (resources) {
                        return module.create(config, number, resources, facts);
                    }
                }));
    }

    private <C extends DeviceConfig> DeviceProcess inProcess(
            DeviceModule<C> module, C config, int number, DeviceId id) {
        ProgramCommand command = ProgramCommand.current();
        HostResources resources = module.open(config, number, facts);
        DeviceProcess.Task task = new DeviceProcess.Task((Record) config, number, resources, facts);
        return setUp(module, number, id, resources, split -> DeviceProcess.start(split, command, task));
    }

    /** Cuts a device in two, before it matters where the backend's half goes. Closes the resources when there is no device. */
    private static <T> T setUp(
            DeviceModule<?> module, int number, DeviceId id, HostResources resources, Function<SplitDevice, T> start) {
        String label = module.label(number);
        boolean isDone = false;
        try {
            T device = start.apply(new SplitDevice(module.name(), id.toString(), label));
            isDone = true;
            return device;
        } catch (VmmException e) {
            String reason = String.valueOf(e.getMessage());
            throw new VmmException(
                    "failed to set up vhost-user " + module.name() + " device: "
                            + (reason.startsWith(label) ? "" : label) + reason,
                    e);
        } finally {
            if (!isDone) {
                resources.close();
            }
        }
    }

    /**
     * Makes one more device. Its number is the first that no other of its kind has.
     *
     * @param config checked already, together with {@link #configs}
     * @param pciAddress where it goes, unless the configuration says so itself
     */
    synchronized Placed add(DeviceConfig config, String pciAddress) {
        for (DeviceModule<?> module : DeviceModules.all()) {
            if (module.configType().isInstance(config)) {
                return add(module, config, pciAddress);
            }
        }
        throw new IllegalArgumentException("no device: " + config);
    }

    private <C extends DeviceConfig> Placed add(DeviceModule<C> module, DeviceConfig config, String pciAddress) {
        C own = module.configType().cast(config);
        int number = 0;
        while (find(new DeviceId(module.name(), number)) != null) {
            number++;
        }
        String asked = module.pciAddress(own);
        Placed added = create(module, own, number, asked.isEmpty() ? pciAddress : asked);
        placed.add(added);
        return added;
    }

    /** Closes a device that is in no machine any more. */
    synchronized void remove(DeviceId id) {
        Placed gone = find(id);
        if (gone != null) {
            placed.remove(gone);
            gone.device.close();
        }
    }

    private @Nullable Placed find(DeviceId id) {
        return placed.stream().filter(p -> p.id.equals(id)).findFirst().orElse(null);
    }

    synchronized List<Placed> all() {
        return List.copyOf(placed);
    }

    /** What describes them, in order. */
    synchronized List<DeviceConfig> configs() {
        return placed.stream().map(Placed::config).toList();
    }

    KernelParameters kernelParameters() {
        return new KernelParameters(early, late);
    }

    /** Carries out a request of the control socket. */
    synchronized CompletionStage<Value> perform(String verb, Value body) {
        for (DeviceModule<?> module : DeviceModules.all()) {
            for (ControlVerb known : module.verbs()) {
                if (known.name().equals(verb)) {
                    return known.perform(body, byNumber(module.name()));
                }
            }
        }
        throw new OsException(verb, Errno.ENOTSUP);
    }

    private Map<Integer, VirtioDevice> byNumber(String kind) {
        return placed.stream()
                .filter(p -> p.id.kind().equals(kind))
                .collect(Collectors.toMap(p -> p.id.number(), Placed::device));
    }

    /** Processes have one time together in which to end: the VM waits no longer, however many there are. */
    @Override
    public synchronized void close() {
        placed.stream().map(Placed::process).filter(Objects::nonNull).forEach(DeviceProcess::requestEnd);
        placed.forEach(p -> p.device.close());
        placed.clear();
    }
}
