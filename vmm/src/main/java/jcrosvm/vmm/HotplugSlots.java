package jcrosvm.vmm;

import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Consumer;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.PciAddress;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.EventThread;
import jcrosvm.bus.pci.PciBus;

/**
 * The slots of a machine, which virtio devices come into and go from while the guest runs. Slot {@code n} is behind a root
 * port of its own, as device 0 of PCI bus {@code n}, counted from 1.
 *
 * <p>The guest lets a device go by switching its slot off, on a vCPU's thread and under the lock of the bus. The device is
 * taken out afterwards, on the thread of events, or before the devices are suspended if that is earlier. Thread-safe.
 */
final class HotplugSlots implements AutoCloseable {
    private final int count;
    private final PciBus pci;
    private final VirtioTransports virtio;
    private final Consumer<DeviceId> gone;
    private final EventFd switchedOff;
    private final TreeSet<Integer> off = new TreeSet<>(); // slots; guarded by itself
    private final Map<DeviceId, PciAddress> devices = new HashMap<>(); // guarded by this

    /**
     * Adds the root ports; before the guest runs.
     *
     * @param gone is told of each device that has been taken out, on any thread, and closes it
     */
    HotplugSlots(int count, PciBus pci, VirtioTransports virtio, EventThread events, Consumer<DeviceId> gone) {
        this.count = count;
        this.pci = pci;
        this.virtio = virtio;
        this.gone = gone;
        for (int slot = 1; slot <= count; slot++) {
            int number = slot;
            pci.addRootPort(slot, () -> switchedOff(number));
        }
        switchedOff = new EventFd();
        if (count > 0) {
            events.add(switchedOff, this::settle);
        }
    }

    private void switchedOff(int slot) {
        synchronized (off) {
            off.add(slot);
        }
        switchedOff.signal();
    }

    /** Takes out what the guest has let go. */
    synchronized void settle() {
        List<Integer> slots;
        synchronized (off) {
            slots = List.copyOf(off);
            off.clear();
        }
        slots.forEach(this::takeOut);
    }

    private void takeOut(int slot) {
        List<Map.Entry<DeviceId, PciAddress>> inside = devices.entrySet().stream()
                .filter(device -> device.getValue().bus() == slot)
                .sorted(Comparator.comparingInt(device -> -device.getValue().function())) // function 0 last
                .toList();
        for (Map.Entry<DeviceId, PciAddress> device : inside) {
            devices.remove(device.getKey());
            if (!virtio.place(device.getKey()).isEmpty()) { // the machine is not being closed
                virtio.detach(device.getKey());
                gone.accept(device.getKey());
            }
        }
    }

    /**
     * The address of the first slot that is free.
     *
     * @throws OsException ENOSPC when there is none
     */
    synchronized String free() {
        for (int slot = 1; slot <= count; slot++) {
            int bus = slot;
            if (devices.values().stream().noneMatch(address -> address.bus() == bus)) {
                return new PciAddress(bus, 0, 0).toString();
            }
        }
        throw new OsException("all " + count + " slots for hot-plug are taken", Errno.ENOSPC);
    }

    /** Puts a device into the slot that it asks for; the guest is told. */
    synchronized void plug(Devices.Placed placed) {
        virtio.attach(placed);
        attached(placed.id());
    }

    /** Notes a device that the bus has, if it is in a slot. */
    synchronized void attached(DeviceId id) {
        PciAddress address = PciAddress.parse(virtio.place(id));
        if (address.bus() >= 1 && address.bus() <= count) {
            devices.put(id, address);
        }
    }

    /**
     * Asks the guest to let go of a device, which takes Linux some seconds.
     *
     * @throws OsException ENODEV when it is in no slot
     */
    synchronized void release(DeviceId id) {
        PciAddress address = devices.get(id);
        if (address == null) {
            throw new OsException(id + " is in no slot for hot-plug", Errno.ENODEV);
        }
        pci.pressAttentionButton(address.bus());
    }

    /** After the thread of events has ended. */
    @Override
    public void close() {
        switchedOff.close();
    }
}
