package jcrosvm.boot;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import jcrosvm.boot.DeviceNode.Kind;

/**
 * What the tables tell the guest of the machine, besides the {@link MemoryLayout}.
 *
 * @param processors hardware id of each vCPU, the boot processor first
 * @param devices those that no bus announces
 * @param pciInterrupts where the pins of bus 0 are wired to
 * @param params kernel parameters that the machine's own devices need, such as {@code console=ttyS0}
 */
public record Hardware(
        List<Integer> processors, List<DeviceNode> devices, List<PciInterrupt> pciInterrupts, List<String> params) {
    /**
     * The wiring of one interrupt pin.
     *
     * @param slot device number on bus 0
     * @param pin 0 for INTA to 3 for INTD
     * @param gsi global system interrupt, level-triggered and active low
     */
    public record PciInterrupt(int slot, int pin, int gsi) {}

    public Hardware {
        processors = List.copyOf(processors);
        devices = List.copyOf(devices);
        pciInterrupts = List.copyOf(pciInterrupts);
        params = List.copyOf(params);
    }

    /** The x86-64 machine: processors counted from 0, COM1 to COM4, RTC, i8042, and no PCI interrupts. */
    public static Hardware defaults(int vcpus) {
        List<DeviceNode> devices = new ArrayList<>(PcDevices.SERIAL);
        devices.addAll(List.of(PcDevices.ACPI_PM, PcDevices.RTC, PcDevices.I8042));
        return new Hardware(IntStream.range(0, vcpus).boxed().toList(), devices, List.of(), List.of());
    }

    /** The devices of one kind, in their order. */
    public List<DeviceNode> devices(Kind kind) {
        return devices.stream().filter(device -> device.kind() == kind).toList();
    }

    /** The only device of its kind, or the first. */
    public Optional<DeviceNode> device(Kind kind) {
        return devices.stream().filter(device -> device.kind() == kind).findFirst();
    }

    /** The power management that no machine with ACPI is without. */
    public DeviceNode acpiPm() {
        return device(Kind.ACPI_PM).orElseThrow();
    }
}
