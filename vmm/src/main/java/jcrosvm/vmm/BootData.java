package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.Hardware;
import jcrosvm.bus.pci.PciBus;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.vmm.config.VmConfig;

/** What a guest is booted with: what the user says, and what the machine says of itself. */
record BootData(VmConfig machine, Devices devices, SerialConsoles consoles, VirtioTransports virtio) {
    /** The hardware that tables describe. */
    Hardware hardware(List<? extends Vcpu> processors, PciBus pci) {
        return new Hardware(
                processors.stream().map(Vcpu::id).toList(),
                0,
                Hardware.DEFAULT_SCI_IRQ,
                Hardware.DEFAULT_PM_PORT,
                Hardware.defaults(1).serialPorts(),
                machine.platform().rtc(),
                machine.platform().i8042(),
                OptionalInt.empty(),
                pci.intxRoutes().stream()
                        .map(r -> new Hardware.PciInterrupt(r.device(), r.pin(), r.gsi()))
                        .toList(),
                parameters(),
                virtio.aml());
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
