package jcrosvm.boot.acpi;

import static jcrosvm.boot.acpi.aml.Aml.and;
import static jcrosvm.boot.acpi.aml.Aml.argument;
import static jcrosvm.boot.acpi.aml.Aml.buffer;
import static jcrosvm.boot.acpi.aml.Aml.createDwordField;
import static jcrosvm.boot.acpi.aml.Aml.device;
import static jcrosvm.boot.acpi.aml.Aml.eisaId;
import static jcrosvm.boot.acpi.aml.Aml.equal;
import static jcrosvm.boot.acpi.aml.Aml.give;
import static jcrosvm.boot.acpi.aml.Aml.integer;
import static jcrosvm.boot.acpi.aml.Aml.list;
import static jcrosvm.boot.acpi.aml.Aml.local;
import static jcrosvm.boot.acpi.aml.Aml.method;
import static jcrosvm.boot.acpi.aml.Aml.name;
import static jcrosvm.boot.acpi.aml.Aml.not;
import static jcrosvm.boot.acpi.aml.Aml.or;
import static jcrosvm.boot.acpi.aml.Aml.otherwise;
import static jcrosvm.boot.acpi.aml.Aml.pack;
import static jcrosvm.boot.acpi.aml.Aml.path;
import static jcrosvm.boot.acpi.aml.Aml.scope;
import static jcrosvm.boot.acpi.aml.Aml.store;
import static jcrosvm.boot.acpi.aml.Aml.when;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import jcrosvm.boot.AddressWindow;
import jcrosvm.boot.DeviceNode;
import jcrosvm.boot.DeviceNode.Kind;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.Hardware.PciInterrupt;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.boot.PcDevices.PmBlock;
import jcrosvm.boot.acpi.aml.Resources;

/** The differentiated system description table: the devices that a guest cannot find by itself. */
final class Dsdt {
    private static final int REVISION = 6;
    private static final long BUS_SIZE = 1 << 20;

    /** The host bridge's capabilities (PCI Firmware Specification 3.2, 4.5.1). */
    private static final UUID OSC = UUID.fromString("33db4d5b-1ff7-401c-9657-7441c03dd766");

    private static final int OSC_UNKNOWN_UUID = 4;
    private static final int OSC_UNKNOWN_REVISION = 8;
    private static final int OSC_MASKED = 16;
    /** Native hotplug, PME, capability structure and LTR; neither SHPC hotplug nor error reporting. */
    private static final int OSC_GRANTED = 1 | 1 << 2 | 1 << 4 | 1 << 5;

    private Dsdt() {}

    static byte[] of(MemoryLayout layout, Hardware hardware) {
        List<byte[]> devices = new ArrayList<>();
        devices.add(hostBridge(layout, hardware));
        devices.add(motherboard(layout, hardware));
        List<DeviceNode> serial = hardware.devices(Kind.UART_16550);
        for (int i = 0; i < serial.size(); i++) {
            devices.add(device(
                    "COM" + (i + 1),
                    name("_HID", eisaId("PNP0501")),
                    name("_UID", integer(i + 1)),
                    name(
                            "_CRS",
                            Resources.template(
                                    ports(serial.get(i)),
                                    Resources.irq(serial.get(i).gsi())))));
        }
        hardware.device(Kind.RTC_CMOS)
                .ifPresent(rtc -> devices.add(device(
                        "RTC",
                        name("_HID", eisaId("PNP0B00")),
                        name("_CRS", Resources.template(ports(rtc), Resources.irq(rtc.gsi()))))));
        return Sdt.of(
                "DSDT",
                REVISION,
                list(
                        sleep("_S1", PmBlock.SLEEP_TYPE_S1),
                        sleep("_S5", PmBlock.SLEEP_TYPE_S5),
                        scope("_SB", list(devices))));
    }

    private static byte[] sleep(String state, int type) {
        return name(state, pack(integer(type), integer(type), integer(0), integer(0)));
    }

    private static byte[] hostBridge(MemoryLayout layout, Hardware hardware) {
        AddressWindow low = layout.pciMmio32();
        AddressWindow high = layout.pciMmio64();
        int lastBus = lastBus(layout);
        List<byte[]> windows = new ArrayList<>(List.of(
                Resources.busWindow(0, lastBus),
                Resources.io(0xcf8, 8),
                Resources.ioWindow(0, 0xcf7),
                Resources.ioWindow(0xd00, 0xffff),
                Resources.memoryWindow32(low.start(), low.last())));
        if (high.size() > 0) {
            windows.add(Resources.memoryWindow64(high.start(), high.last()));
        }
        List<byte[]> terms = new ArrayList<>(List.of(
                name("_HID", eisaId("PNP0A08")),
                name("_CID", eisaId("PNP0A03")),
                name("_UID", integer(0)),
                name("_SEG", integer(0)),
                name("_BBN", integer(0)),
                name("_CCA", integer(1)),
                name("_CRS", Resources.template(windows.toArray(byte[][]::new))),
                capabilities()));
        if (!hardware.pciInterrupts().isEmpty()) {
            terms.add(name(
                    "_PRT",
                    pack(hardware.pciInterrupts().stream().map(Dsdt::route).toList())));
        }
        return device("PC00", list(terms));
    }

    static int lastBus(MemoryLayout layout) {
        return (int) (layout.ecam().size() / BUS_SIZE) - 1;
    }

    /** Function "any" of the slot, pin, no link device, I/O APIC input. */
    private static byte[] route(PciInterrupt route) {
        return pack(
                integer((long) route.slot() << 16 | 0xffff), integer(route.pin()), integer(0), integer(route.gsi()));
    }

    /** _OSC(UUID, revision, count, buffer of status, support and control). */
    private static byte[] capabilities() {
        byte[] buffer = argument(3);
        byte[] status = path("STAT");
        return method(
                "_OSC",
                4,
                createDwordField(buffer, 0, "STAT"),
                when(
                        equal(argument(0), buffer(uuid(OSC))),
                        createDwordField(buffer, 8, "CTRL"),
                        store(path("CTRL"), local(0)),
                        and(local(0), integer(OSC_GRANTED), path("CTRL")),
                        when(not(equal(local(0), path("CTRL"))), or(status, integer(OSC_MASKED), status)),
                        when(not(equal(argument(1), integer(1))), or(status, integer(OSC_UNKNOWN_REVISION), status))),
                otherwise(or(status, integer(OSC_UNKNOWN_UUID), status)),
                give(buffer));
    }

    /** As ACPI stores a UUID: the first three fields are little-endian. */
    private static byte[] uuid(UUID uuid) {
        long high = uuid.getMostSignificantBits();
        return ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt((int) (high >>> 32))
                .putShort((short) (high >>> 16))
                .putShort((short) high)
                .order(ByteOrder.BIG_ENDIAN)
                .putLong(uuid.getLeastSignificantBits())
                .array();
    }

    /** What no driver may take: the configuration window and the machine's own ports. */
    private static byte[] motherboard(MemoryLayout layout, Hardware hardware) {
        List<byte[]> taken = new ArrayList<>();
        taken.add(Resources.memory(layout.ecam().start(), layout.ecam().size()));
        for (Kind kind : List.of(Kind.ACPI_PM, Kind.I8042, Kind.DEBUG_CONSOLE)) {
            hardware.devices(kind).forEach(device -> taken.add(ports(device)));
        }
        return device(
                "MB00",
                name("_HID", eisaId("PNP0C02")),
                name("_CRS", Resources.template(taken.toArray(byte[][]::new))));
    }

    private static byte[] ports(DeviceNode device) {
        return Resources.io((int) device.base(), device.size());
    }
}
