package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import jcrosvm.base.io.EventFd;
import jcrosvm.bus.MessageInterrupt;
import jcrosvm.bus.Suspendable;
import jcrosvm.bus.pci.PciAddress;
import jcrosvm.bus.pci.PciBus;
import jcrosvm.hypervisor.IoEventAddress;
import jcrosvm.hypervisor.Vm;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.transport.TransportHost;
import jcrosvm.virtio.transport.VirtioPciTransport;
import org.jspecify.annotations.Nullable;

/** The virtio devices' places in one machine. */
final class VirtioTransports implements Suspendable, AutoCloseable {
    private final EventThread events = new EventThread();
    private final List<VirtioPciTransport> transports = new ArrayList<>();

    /** Puts the devices on the bus: those with an address of their own first, the others in order behind them. */
    VirtioTransports(Devices devices, PciBus pci, Vm vm, GuestMemory memory, Interrupts interrupts, boolean intx) {
        TransportHost host = host(vm, memory, interrupts);
        try {
            for (Devices.Placed placed : devices.all()) {
                if (!placed.pciAddress().isEmpty()) {
                    add(placed, pci, PciAddress.parse(placed.pciAddress()), host, intx);
                }
            }
            for (Devices.Placed placed : devices.all()) {
                if (placed.pciAddress().isEmpty()) {
                    add(placed, pci, null, host, intx);
                }
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private void add(
            Devices.Placed placed, PciBus pci, @Nullable PciAddress address, TransportHost host, boolean intx) {
        VirtioPciTransport transport = new VirtioPciTransport(placed.name(), placed.device(), host, intx);
        transports.add(transport);
        pci.add(transport, address);
    }

    private TransportHost host(Vm vm, GuestMemory memory, Interrupts interrupts) {
        return new TransportHost() {
            @Override
            public GuestMemory memory() {
                return memory;
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
            public void watch(EventFd event, Runnable action) {
                events.watch(event, action);
            }

            @Override
            public void unwatch(EventFd event) {
                events.unwatch(event);
            }
        };
    }

    private static IoEventAddress place(long address, int size, long value, boolean anyValue) {
        return new IoEventAddress(false, address, size, anyValue ? OptionalLong.empty() : OptionalLong.of(value));
    }

    @Override
    public void suspend() {
        transports.forEach(VirtioPciTransport::suspend);
    }

    @Override
    public void resume() {
        transports.forEach(VirtioPciTransport::resume);
    }

    /** Takes the devices out of the machine, before its memory goes. */
    @Override
    public void close() {
        transports.forEach(VirtioPciTransport::close);
        events.close();
    }
}
