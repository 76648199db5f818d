package jcrosvm.boot.table;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.boot.SmbiosConfig;
import jcrosvm.memory.GuestMemory;
import jcrosvm.unpack.testing.Tool;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SmbiosTableTest {
    private final GuestMemory memory = GuestMemory.ofSize(1 << 20);

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        memory.close();
    }

    /** A dump has the entry point first and the structures at 32, where it must be told that they are. */
    private String decoded(SmbiosConfig config) throws IOException {
        String dmidecode = Tool.require("dmidecode");
        SmbiosTable.write(memory, config);
        byte[] dump = memory.read(MemoryLayout.SMBIOS, 64 << 10);
        assertThat(dump[16]).isEqualTo((byte) 0x20);
        dump[5] += dump[18];
        dump[18] = 0;
        Files.write(folder.resolve("dump"), dump);
        return Tool.run(folder, dmidecode, "--from-dump", "dump");
    }

    @Test
    void dmidecodeReadsWhatWasConfigured() throws IOException {
        SmbiosConfig config = new SmbiosConfig(
                "Maker of BIOS",
                "1.2.3",
                "Maker",
                "Product",
                "SN-7",
                "12345678-9abc-def0-1234-56789abcdef0",
                List.of("first", "second=2"));
        config.validate();
        assertThat(decoded(config))
                .contains("SMBIOS 3.2.0 present")
                .contains("Vendor: Maker of BIOS", "Version: 1.2.3", "System is a virtual machine")
                .contains("Manufacturer: Maker", "Product Name: Product", "Serial Number: SN-7")
                .contains("UUID: 12345678-9abc-def0-1234-56789abcdef0", "Wake-up Type: Power Switch")
                .contains("String 1: first", "String 2: second=2", "End Of Table")
                .doesNotContain("BAD INDEX", "TRUNCATED", "Wrong", "Invalid entry");
    }

    @Test
    void dmidecodeReadsTheDefaults() throws IOException {
        assertThat(decoded(SmbiosConfig.defaults()))
                .contains("Manufacturer: jcrosvm", "Serial Number: Not Specified", "End Of Table")
                .doesNotContain("OEM Strings", "BAD INDEX", "TRUNCATED");
    }

    @Test
    void entryPointSumsUpToZero() {
        SmbiosTable.write(memory, SmbiosConfig.defaults());
        assertThat(MpTable.checksum(memory.read(MemoryLayout.SMBIOS, 24), 24)).isZero();
        assertThat(memory.getLong(MemoryLayout.SMBIOS + 16)).isEqualTo(MemoryLayout.SMBIOS + 0x20);
    }

    @Test
    void valuesThatDoNotFitAreRefused() {
        SmbiosConfig large =
                new SmbiosConfig(null, null, null, null, null, null, Collections.nCopies(200, "x".repeat(400)));
        assertThatThrownBy(() -> SmbiosTable.write(memory, large))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("fit");
        for (SmbiosConfig bad : List.of(
                new SmbiosConfig(null, null, null, null, null, "1234", List.of()),
                new SmbiosConfig(null, null, "a\0b", null, null, null, List.of()),
                new SmbiosConfig(null, null, null, null, null, null, Collections.nCopies(256, "x")))) {
            assertThatThrownBy(bad::validate).isInstanceOf(VmmException.class).hasMessageContaining("smbios");
        }
    }
}
