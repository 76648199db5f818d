package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.DeviceNode;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.PcDevices;
import jcrosvm.bus.pci.PciBus;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.vmm.config.VmConfig;

/** What a guest is booted with: what the user says, and what the machine says of itself. */
record BootData(VmConfig machine, Devices devices, SerialConsoles consoles, VirtioTransports virtio) {
    /** The hardware that tables describe. */
    Hardware hardware(List<? extends Vcpu> processors, PciBus pci) {
        return new Hardware(
                processors.stream().map(Vcpu::id).toList(),
                nodes(),
                pci.intxRoutes().stream()
                        .map(r -> new Hardware.PciInterrupt(r.device(), r.pin(), r.gsi()))
                        .toList(),
                parameters());
    }

    private List<DeviceNode> nodes() {
        List<DeviceNode> all = new ArrayList<>(PcDevices.SERIAL);
        all.add(PcDevices.ACPI_PM);
        if (machine.platform().rtc()) {
            all.add(PcDevices.RTC);
        }
        if (machine.platform().i8042()) {
            all.add(PcDevices.I8042);
        }
        all.addAll(virtio.nodes());
        return all;
    }

    private List<String> parameters() {
        List<String> all = new ArrayList<>(consoles.kernelParameters());
        all.addAll(devices.kernelParameters().early());
        if (!machine.boot().acpi()) {
            all.addAll(virtio.kernelParameters());
        }
        return all;
    }

    /** What the user says, and behind it the parameters that shall win over it. */
    BootConfig config() {
        List<String> all = new ArrayList<>(machine.boot().params());
        all.addAll(devices.kernelParameters().late());
        return machine.boot().withParams(all);
    }
}
