package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.PciAddress;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.EventThread;
import jcrosvm.bus.pci.PciBus;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.vmm.config.VmConfig;

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
    private final Devices devices;
    private final EventFd switchedOff;
    private final TreeSet<Integer> off = new TreeSet<>(); // slots; guarded by itself
    private final Map<DeviceId, PciAddress> inside = new HashMap<>(); // guarded by this

    /**
     * Adds the root ports; before the guest runs.
     *
     * @param devices where new ones are made, and those that have been taken out are closed
     */
    HotplugSlots(int count, PciBus pci, VirtioTransports virtio, EventThread events, Devices devices) {
        this.count = count;
        this.pci = pci;
        this.virtio = virtio;
        this.devices = devices;
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
        List<Map.Entry<DeviceId, PciAddress>> going = inside.entrySet().stream()
                .filter(device -> device.getValue().bus() == slot)
                .sorted(Comparator.comparingInt(device -> -device.getValue().function())) // function 0 last
                .toList();
        for (Map.Entry<DeviceId, PciAddress> device : going) {
            inside.remove(device.getKey());
            if (!virtio.place(device.getKey()).isEmpty()) { // the machine is not being closed
                virtio.detach(device.getKey());
                devices.remove(device.getKey());
            }
        }
    }

    private String free() {
        for (int slot = 1; slot <= count; slot++) {
            int bus = slot;
            if (inside.values().stream().noneMatch(address -> address.bus() == bus)) {
                return new PciAddress(bus, 0, 0).toString();
            }
        }
        throw new OsException("all " + count + " slots for hot-plug are taken", Errno.ENOSPC);
    }

    /**
     * Makes a device and puts it into the first free slot, or into the one that its configuration names; the guest is told.
     *
     * @throws jcrosvm.base.VmmException when there can be no such device, or no slot is free
     */
    synchronized DeviceId plug(DeviceConfig config, Hypervisor hypervisor) {
        List<DeviceConfig> all = new ArrayList<>(devices.configs());
        all.add(config);
        VmConfig.validateDevices(all, hypervisor);
        Devices.Placed placed = devices.add(config, free());
        try {
            virtio.attach(placed);
        } catch (RuntimeException | Error e) {
            devices.remove(placed.id());
            throw e;
        }
        attached(placed.id());
        return placed.id();
    }

    /** Notes a device that the bus has, if it is in a slot. */
    synchronized void attached(DeviceId id) {
        PciAddress address = PciAddress.parse(virtio.place(id));
        if (address.bus() >= 1 && address.bus() <= count) {
            inside.put(id, address);
        }
    }

    /**
     * Asks the guest to let go of a device, which takes Linux some seconds.
     *
     * @throws OsException ENODEV when it is in no slot
     */
    synchronized void release(DeviceId id) {
        PciAddress address = inside.get(id);
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
