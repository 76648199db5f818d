package jcrosvm.boot.acpi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.boot.acpi.aml.Aml;
import jcrosvm.unpack.testing.Tool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AmlTest {
    @TempDir
    Path folder;

    /** Lengths around the limits of each encoding, read back by the ACPI compiler. */
    @Test
    void lengthsOfAllSizesAreUnderstood() throws IOException {
        String iasl = Tool.require("iasl");
        List<byte[]> terms = new ArrayList<>();
        int n = 0;
        for (int size :
                new int[] {0, 1, 50, 57, 58, 59, 60, 61, 62, 63, 64, 4085, 4090, 4091, 4092, 4093, 4096, 70_000}) {
            terms.add(Aml.name("B%03d".formatted(n++), Aml.buffer(new byte[size])));
        }
        for (long value : new long[] {0, 1, 2, 255, 256, 65535, 65536, 0xffff_ffffL, 1L << 32, -1}) {
            terms.add(Aml.name("I%03d".formatted(n++), Aml.integer(value)));
        }
        Files.write(folder.resolve("t.aml"), Sdt.of("SSDT", 2, Aml.list(terms)));
        Tool.run(folder, iasl, "-d", "t.aml");
        String source = Files.readString(folder.resolve("t.dsl"));
        assertThat(source).contains("Buffer (0x00011170)", "0xFFFFFFFFFFFFFFFF", "0x0000000100000000");
        for (int i = 0; i < 18; i++) {
            assertThat(source).contains("Name (B%03d, Buffer".formatted(i));
        }
    }

    @Test
    void idsAreCompressed() {
        assertThat(Aml.eisaId("PNP0A08")).containsExactly(0x0c, 0x41, 0xd0, 0x0a, 0x08);
        assertThat(Aml.eisaId("PNP0501")).containsExactly(0x0c, 0x41, 0xd0, 0x05, 0x01);
    }

    @Test
    void badNamesAreRefused() {
        for (String bad : List.of("", "abcd", "TOOLONG", "A.b", "0AAA")) {
            assertThatThrownBy(() -> Aml.path(bad)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(Aml.path("\\_SB.PC00.S")).asString().isEqualTo("\\/\3_SB_PC00S___");
    }
}
