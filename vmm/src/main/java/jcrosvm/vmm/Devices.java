package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.stream.Collectors;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.config.Value;
import jcrosvm.devices.DeviceModules;
import jcrosvm.vhostuser.frontend.DeviceThread;
import jcrosvm.virtio.ControlVerb;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.KernelParameters;
import jcrosvm.virtio.Placement;
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
     * @param pciAddress as the user asked, or empty
     */
    record Placed(DeviceId id, DeviceConfig config, VirtioDevice device, String pciAddress) {}

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
        Placement placement = module.placement(config);
        if (placement == Placement.PROCESS) { // before anything is opened
            throw new VmmException(id + " cannot be in a process of its own: this is not supported yet");
        }
        VirtioDevice device = module.make(config, number, facts);
        return new Placed(id, config, place(id, placement, device), pciAddress);
    }

    private VirtioDevice place(DeviceId id, Placement placement, VirtioDevice device) {
        return switch (placement) {
            case LOCAL -> device;
            case SOCKET -> foreignWrites ? device : new RelayDevice(id + "-relay", device);
            case THREAD -> DeviceThread.start(id.toString(), device);
            case PROCESS -> throw new IllegalArgumentException(placement.toString());
        };
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

    @Override
    public synchronized void close() {
        placed.forEach(p -> p.device.close());
        placed.clear();
    }
}
