package jcrosvm.vmm;

import static jcrosvm.virtio.VirtioFeatures.VIRTIO_F_ACCESS_PLATFORM;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import jcrosvm.base.PciAddress;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.EventThread;
import jcrosvm.boot.DeviceNode;
import jcrosvm.bus.Bus;
import jcrosvm.bus.MessageInterrupt;
import jcrosvm.bus.SharedIrqLine;
import jcrosvm.bus.Suspendable;
import jcrosvm.bus.pci.PciBus;
import jcrosvm.hypervisor.IoEventAddress;
import jcrosvm.hypervisor.Vm;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.transport.TransportHost;
import jcrosvm.virtio.transport.VirtioMmioTransport;
import jcrosvm.virtio.transport.VirtioPciTransport;
import jcrosvm.virtio.transport.VirtioTransport;
import jcrosvm.vmm.board.Board;
import jcrosvm.vmm.board.Interrupts;
import jcrosvm.vmm.config.PlatformConfig;
import org.jspecify.annotations.Nullable;

/** The virtio devices' places in one machine. Thread-safe. */
final class VirtioTransports implements Suspendable, Stateful<VirtioTransportsState>, AutoCloseable {
    private final EventThread events;
    /** By the device's id, in the order of the bus. */
    private final Map<String, Attached> transports = new LinkedHashMap<>(); // guarded by this

    private final Interrupts interrupts;
    private final Consumer<String> onLost;
    private final PciBus pci;
    private final boolean intx;
    private final TransportHost host;
    private final List<DeviceNode> nodes = new ArrayList<>();
    private final List<String> parameters = new ArrayList<>();

    /** @param place as users write it: the PCI or the memory address */
    private record Attached(VirtioTransport transport, String place) {}

    /**
     * @param events the thread that waits for the devices' events; its owner closes it after this
     * @param onLost told of a device that is lost for good, on any thread
     */
    VirtioTransports(Board board, PlatformConfig platform, EventThread events, Consumer<String> onLost) {
        this.events = events;
        this.onLost = onLost;
        interrupts = board.interrupts();
        pci = board.pci();
        intx = platform.virtioIntx();
        host = host(
                board.vm(), board.memory(), interrupts, platform.virtioAccessPlatform() ? VIRTIO_F_ACCESS_PLATFORM : 0);
    }

    /**
     * Puts the devices on the PCI buses: those with an address of their own first, the others in order behind them. Bus 0
     * before the buses behind bridges, which take what is left of it.
     */
    synchronized void attach(Devices devices) {
        List<Devices.Placed> behindBridges = new ArrayList<>();
        List<Devices.Placed> anywhere = new ArrayList<>();
        for (Devices.Placed placed : devices.all()) {
            PciAddress address = address(placed);
            if (address == null) {
                anywhere.add(placed);
            } else if (address.bus() != 0) {
                behindBridges.add(placed);
            } else {
                attach(placed, address);
            }
        }
        behindBridges.forEach(placed -> attach(placed, address(placed)));
        anywhere.forEach(placed -> attach(placed, null));
    }

    /**
     * Puts one device on the PCI buses, also while the guest runs, which a root port tells of it.
     *
     * @throws VmmException when there is no such place, or it is taken; the device stays as it was
     */
    synchronized void attach(Devices.Placed placed) {
        attach(placed, address(placed));
    }

    private static @Nullable PciAddress address(Devices.Placed placed) {
        return placed.pciAddress().isEmpty() ? null : PciAddress.parse(placed.pciAddress());
    }

    private void attach(Devices.Placed placed, @Nullable PciAddress address) {
        String name = placed.id().toString();
        VirtioPciTransport transport = new VirtioPciTransport(name, placed.device(), host, intx);
        try {
            PciAddress place = pci.add(transport, address);
            transports.put(name, new Attached(transport, place.toString()));
        } catch (RuntimeException | Error e) {
            transport.close();
            throw e;
        }
    }

    /**
     * Takes a device off the PCI buses, whatever the guest does with it, and resets it; it belongs to the caller then. A
     * root port tells the guest. Not on a vCPU's thread: this waits for the device's threads.
     *
     * @throws VmmException when it is not there, or cannot be taken from its place
     */
    synchronized void detach(DeviceId id) {
        Attached attached = transports.get(id.toString());
        if (attached == null || !(attached.transport instanceof VirtioPciTransport)) {
            throw new VmmException("there is no device '" + id + "' on the PCI buses");
        }
        pci.remove(PciAddress.parse(attached.place));
        transports.remove(id.toString());
        attached.transport.close();
    }

    /** Where a device is, as users write it; empty when it is not there. */
    synchronized String place(DeviceId id) {
        Attached attached = transports.get(id.toString());
        return attached == null ? "" : attached.place;
    }

    /** Puts the devices at places of their own, which are numbered from 0. */
    synchronized void attach(Devices devices, Bus mmio, IntFunction<DeviceNode> places) {
        Map<Integer, SharedIrqLine> lines = new HashMap<>();
        for (Devices.Placed placed : devices.all()) {
            DeviceNode node = places.apply(nodes.size());
            SharedIrqLine line = lines.computeIfAbsent(node.gsi(), gsi -> new SharedIrqLine(interrupts.line(gsi)));
            String name = placed.id().toString();
            VirtioMmioTransport transport = new VirtioMmioTransport(
                    name, placed.device(), host, node.base(), line.source(), VirtioMmioTransport.NO_SHARED_MEMORY);
            parameters.add(VirtioMmioTransport.kernelParameter(node.base(), node.gsi()));
            transports.put(name, new Attached(transport, "0x%x".formatted(node.base())));
            mmio.insert(transport, node.base(), node.size());
            nodes.add(node);
        }
    }

    /** The devices that no bus announces. */
    List<DeviceNode> nodes() {
        return nodes;
    }

    /** Kernel parameters that do the same where there is no ACPI. */
    List<String> kernelParameters() {
        return parameters;
    }

    private TransportHost host(Vm vm, GuestMemory memory, Interrupts interrupts, long features) {
        return new TransportHost() {
            @Override
            public GuestMemory memory() {
                return memory;
            }

            @Override
            public long features() {
                return features;
            }

            @Override
            public void registerKick(long address, int size, long value, boolean anyValue, EventFd event) {
                vm.registerIoEvent(place(address, size, value, anyValue), event);
            }

            @Override
            public void unregisterKick(long address, int size, long value, boolean anyValue, EventFd event) {
                vm.unregisterIoEvent(place(address, size, value, anyValue), event);
            }

            @Override
            public MessageInterrupt newMessage() {
                return interrupts.newMessage();
            }

            @Override
            public void deviceLost(String reason) {
                onLost.accept(reason);
            }

            @Override
            public void watch(EventFd event, Runnable action) {
                events.add(event, action);
            }

            @Override
            public void unwatch(EventFd event) {
                events.remove(event.fd());
            }
        };
    }

    private static IoEventAddress place(long address, int size, long value, boolean anyValue) {
        return new IoEventAddress(false, address, size, anyValue ? OptionalLong.empty() : OptionalLong.of(value));
    }

    @Override
    public synchronized void suspend() {
        transports.values().forEach(attached -> attached.transport.suspend());
    }

    @Override
    public synchronized void resume() {
        transports.values().forEach(attached -> attached.transport.resume());
    }

    /** @throws VmmException naming a device that cannot be saved */
    @Override
    public synchronized VirtioTransportsState state() {
        requireSavable();
        Map<String, VirtioTransportsState.Device> devices = new LinkedHashMap<>();
        transports.forEach((name, attached) ->
                devices.put(name, new VirtioTransportsState.Device(attached.place, attached.transport.state())));
        return new VirtioTransportsState(devices);
    }

    /** Of what does not fit, only a device's own state is found out after the devices before it have been restored. */
    @Override
    public synchronized void restore(VirtioTransportsState state) {
        requireSavable();
        for (String name : state.devices().keySet()) {
            if (!transports.containsKey(name)) {
                throw new VmmException("this machine has no device '" + name + "'");
            }
        }
        forEach(state, VirtioTransports::requireSame);
        forEach(state, (attached, device) -> attached.transport.restore(device.transport()));
    }

    private void requireSavable() {
        transports.forEach((name, attached) -> {
            String reason = attached.transport.session().device().traits().unsavable();
            if (!reason.isEmpty()) {
                throw new VmmException(name + " cannot be saved: " + reason);
            }
        });
    }

    private void forEach(VirtioTransportsState state, BiConsumer<Attached, VirtioTransportsState.Device> step) {
        transports.forEach((name, attached) -> {
            VirtioTransportsState.Device device = state.devices().get(name);
            if (device == null) {
                throw new VmmException("the saved machine has no device '" + name + "'");
            }
            try {
                step.accept(attached, device);
            } catch (VmmException e) {
                throw new VmmException(name + ": " + e.getMessage(), e);
            }
        });
    }

    private static void requireSame(Attached attached, VirtioTransportsState.Device device) {
        if (!device.place().equals(attached.place)) {
            throw new VmmException("the saved one is at " + device.place() + ", this one is at " + attached.place);
        }
        attached.transport.requireSame(device.transport());
    }

    /** Takes the devices out of the machine, before its memory goes. */
    @Override
    public synchronized void close() {
        transports.values().forEach(attached -> attached.transport.close());
        transports.clear();
    }
}
