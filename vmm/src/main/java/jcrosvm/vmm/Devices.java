package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
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
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import jcrosvm.virtio.relay.RelayDevice;
import jcrosvm.vmm.config.VmConfig;

/** The virtio devices of a VM, which outlive its resets: their files, taps and connections stay open. */
final class Devices implements AutoCloseable {
    /**
     * A device in the order of the bus.
     *
     * @param pciAddress as the user asked, or empty
     */
    record Placed(DeviceId id, VirtioDevice device, String pciAddress) {}

    private final boolean foreignWrites;
    private final List<Placed> placed = new ArrayList<>();
    private final List<String> early = new ArrayList<>();
    private final List<String> late = new ArrayList<>();

    /**
     * Opens what the devices need of the host.
     *
     * @param foreignWrites whether the hypervisor sees what other processes write to the guest's memory
     */
    Devices(VmConfig config, boolean foreignWrites) {
        this.foreignWrites = foreignWrites;
        VmFacts facts = new VmFacts(config.cpus().count(), config.memory().sizeBytes());
        try {
            for (DeviceModule<?> module : DeviceModules.all()) {
                create(module, config.devices(), facts);
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private <C extends DeviceConfig> void create(DeviceModule<C> module, List<DeviceConfig> all, VmFacts facts) {
        List<C> configs = DeviceModules.of(module, all);
        KernelParameters parameters = module.kernelParameters(configs);
        early.addAll(parameters.early());
        late.addAll(parameters.late());
        for (int i = 0; i < configs.size(); i++) {
            C config = configs.get(i);
            DeviceId id = new DeviceId(module.name(), i);
            placed.add(new Placed(id, make(module, config, id, facts), module.pciAddress(config)));
        }
    }

    private <C extends DeviceConfig> VirtioDevice make(DeviceModule<C> module, C config, DeviceId id, VmFacts facts) {
        return switch (module.placement(config)) {
            case LOCAL -> module.make(config, id.number(), facts);
            case SOCKET -> {
                VirtioDevice device = module.make(config, id.number(), facts);
                yield foreignWrites ? device : new RelayDevice(id + "-relay", device);
            }
            case THREAD -> DeviceThread.start(id.toString(), module.make(config, id.number(), facts));
            case PROCESS ->
                throw new VmmException(id + " cannot be in a process of its own: this is not supported yet");
        };
    }

    List<Placed> all() {
        return placed;
    }

    KernelParameters kernelParameters() {
        return new KernelParameters(early, late);
    }

    /** Carries out a request of the control socket. */
    CompletionStage<Value> perform(String verb, Value body) {
        for (DeviceModule<?> module : DeviceModules.all()) {
            for (ControlVerb known : module.verbs()) {
                if (known.name().equals(verb)) {
                    List<VirtioDevice> devices = placed.stream()
                            .filter(p -> p.id.kind().equals(module.name()))
                            .map(Placed::device)
                            .toList();
                    return known.perform(body, devices);
                }
            }
        }
        throw new OsException(verb, Errno.ENOTSUP);
    }

    @Override
    public void close() {
        placed.forEach(p -> p.device.close());
        placed.clear();
    }
}
