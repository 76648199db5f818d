package jcrosvm.boot.acpi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import jcrosvm.base.VmmException;
import jcrosvm.boot.DeviceNode;
import jcrosvm.boot.Hardware;
import jcrosvm.boot.Hardware.PciInterrupt;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.boot.PcDevices;
import jcrosvm.boot.PciConfig;
import jcrosvm.memory.GuestMemory;
import jcrosvm.unpack.testing.Tool;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AcpiTablesTest {
    private final MemoryLayout layout = MemoryLayout.of(64 << 20, PciConfig.defaults(), 40);
    private final GuestMemory memory = GuestMemory.ofSize(2 << 20);

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        memory.close();
    }

    private static Hardware hardware(int vcpus, int virtio) {
        Hardware d = Hardware.defaults(vcpus);
        List<PciInterrupt> routes = new ArrayList<>();
        for (int slot = 0; slot < 32; slot++) {
            for (int pin = 0; pin < 4; pin++) {
                routes.add(new PciInterrupt(slot, pin, 9 + (slot + pin) % 4));
            }
        }
        List<DeviceNode> devices = new ArrayList<>(d.devices());
        devices.add(PcDevices.debugConsole(0x402));
        IntStream.range(0, virtio).mapToObj(PcDevices::virtio).forEach(devices::add);
        return new Hardware(d.processors(), devices, routes, List.of());
    }

    /** Follows the pointers; tables by signature in the order of the XSDT. */
    private Map<String, byte[]> tables() {
        long root = MemoryLayout.ACPI_TABLES;
        assertThat(memory.read(root, 8)).asString().isEqualTo("RSD PTR ");
        assertSumIsZero(memory.read(root, 20));
        assertSumIsZero(memory.read(root, 36));
        byte[] xsdt = table(memory.getLong(root + 24));
        Map<String, byte[]> tables = new LinkedHashMap<>();
        for (int at = 36; at < xsdt.length; at += 8) {
            long address = memory.getLong(memory.getLong(root + 24) + at);
            assertThat(address % 64).isZero();
            byte[] table = table(address);
            tables.put(Sdt.signature(table) + (tables.containsKey("SSDT") ? at : ""), table);
            if (Sdt.signature(table).equals("FACP") && table.length == 276) {
                tables.put("DSDT", table(memory.getLong(address + 140)));
                assertThat(memory.getInt(address + 40)).isEqualTo((int) memory.getLong(address + 140));
                assertThat(memory.read(memory.getInt(address + 36), 4))
                        .asString()
                        .isEqualTo("FACS");
            }
        }
        return tables;
    }

    private byte[] table(long address) {
        byte[] table = memory.read(address, memory.getInt(address + 4));
        assertSumIsZero(table);
        return table;
    }

    private static void assertSumIsZero(byte[] bytes) {
        assertThat(Sdt.checksum(bytes, 0, bytes.length)).isZero();
    }

    @Test
    void rootLeadsToAllTables() {
        AcpiTables.write(memory, layout, hardware(4, 0), List.of());
        assertThat(tables().keySet()).containsExactly("FACP", "DSDT", "APIC", "MCFG");
    }

    @Test
    void compilerFindsNothingWrong() throws IOException {
        String iasl = Tool.require("iasl");
        AcpiTables.write(memory, layout, hardware(64, 20), List.of());
        Map<String, byte[]> tables = tables();
        assertThat(tables).containsKey("SSDT");
        for (Map.Entry<String, byte[]> table : tables.entrySet()) {
            String name = table.getKey().toLowerCase(Locale.ROOT);
            Files.write(folder.resolve(name + ".aml"), table.getValue());
            String disassembly = Tool.run(folder, iasl, "-d", name + ".aml");
            assertThat(disassembly).doesNotContainIgnoringCase("warning").doesNotContainIgnoringCase("error");
            String source = Files.readString(folder.resolve(name + ".dsl"));
            assertThat(source).doesNotContain("Warning", "ERROR", "should be");
            if (name.equals("dsdt") || name.equals("ssdt")) {
                Files.copy(folder.resolve(name + ".aml"), folder.resolve(name + ".first"));
                String compilation = Tool.run(folder, iasl, "-we", name + ".dsl");
                assertThat(compilation).contains("0 Errors, 0 Warnings, 0 Remarks");
                byte[] again = Files.readAllBytes(folder.resolve(name + ".aml"));
                // Behind the header, which names the compiler, nothing may differ.
                assertThat(again).hasSameSizeAs(table.getValue());
                assertThat(Arrays.copyOfRange(again, 36, again.length))
                        .isEqualTo(Arrays.copyOfRange(table.getValue(), 36, again.length));
            }
        }
        assertThat(Files.readString(folder.resolve("dsdt.dsl")))
                .contains("Device (PC00)", "Device (MB00)", "Device (COM4)", "Name (_S5", "_PRT", "_OSC", "0xF4000000");
        assertThat(Files.readString(folder.resolve("facp.dsl")))
                .contains("[Generic Address Structure]", "Value to cause reset : 06");
    }

    @Test
    void processorsBeyondTheFirstByteAreX2apic() throws IOException {
        String iasl = Tool.require("iasl");
        Hardware d = hardware(1, 0);
        Hardware wide =
                new Hardware(List.of(0, 254, 255, 300), List.of(PcDevices.ACPI_PM), d.pciInterrupts(), List.of());
        AcpiTables.write(memory, layout, wide, List.of());
        Files.write(folder.resolve("apic.aml"), tables().get("APIC"));
        Tool.run(folder, iasl, "-d", "apic.aml");
        String source = Files.readString(folder.resolve("apic.dsl"));
        assertThat(source.split("Processor Local x2APIC\\]", -1)).hasSize(3);
        assertThat(source.split("Processor Local APIC\\]", -1)).hasSize(3);
        // The SCI and four PCI interrupts.
        assertThat(source.split("Interrupt Source Override\\]", -1)).hasSize(6);
        assertThat(source).contains("Processor x2Apic ID : 0000012C").doesNotContain("Unknown");
    }

    @Test
    void tablesOfTheUserAreAppended() throws IOException {
        byte[] own = Sdt.of("OEM1", 1, new byte[] {1, 2, 3});
        Path file = Files.write(folder.resolve("own"), own);
        List<byte[]> user = AcpiTables.read(List.of(file));
        AcpiTables.write(memory, layout, hardware(1, 0), user);
        assertThat(tables()).containsKey("OEM1").containsKey("FACP");
        assertThat(tables().get("OEM1")).isEqualTo(own);
    }

    @Test
    void fadtOfTheUserReplacesOurs() {
        byte[] own = Sdt.of("FACP", 1, new byte[80]);
        assertThat(AcpiTables.isFadt(own)).isTrue();
        AcpiTables.write(memory, layout, hardware(1, 0), List.of(own));
        assertThat(tables().keySet()).containsExactly("FACP", "APIC", "MCFG");
        assertThat(tables().get("FACP")).isEqualTo(own);
    }

    @Test
    void damagedTablesOfTheUserAreRefused() throws IOException {
        byte[] sum = Sdt.of("OEM1", 1, new byte[] {1, 2, 3});
        sum[38]++;
        byte[] length = Sdt.of("OEM1", 1, new byte[] {1, 2, 3});
        length[4]++;
        for (byte[] bad : List.of(sum, length, new byte[35], new byte[2 << 20])) {
            Path file = Files.write(folder.resolve("bad"), bad);
            assertThatThrownBy(() -> AcpiTables.read(List.of(file)))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("ACPI table '");
        }
        assertThatThrownBy(() -> AcpiTables.read(List.of(folder.resolve("none"))))
                .hasMessageContaining("does not exist");
    }

    @Test
    void tablesThatDoNotFitAreRefused() {
        byte[] large = Sdt.of("OEM1", 1, new byte[63 << 10]);
        assertThatThrownBy(() -> AcpiTables.write(memory, layout, hardware(64, 0), List.of(large)))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("no room");
    }
}
