package jcrosvm.boot.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import jcrosvm.base.VmmException;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.LoadedGuest;
import jcrosvm.boot.MemoryLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BiosImageTest {
    @TempDir
    Path folder;

    private static LoadedGuest load(Loading loading, int size) {
        return loading.load(BootConfig.defaults().withBios(loading.file("bios", Images.content(size))));
    }

    @Test
    void romEndsAtFourGiBAndIsShadowedBelowOneMiB() {
        try (Loading loading = new Loading(folder, 64)) {
            LoadedGuest guest = load(loading, 256 << 10);

            assertThat(guest.entry()).isEmpty();
            var rom = guest.rom().orElseThrow();
            assertThat(rom.address()).isEqualTo(0xfffc_0000L);
            assertThat(rom.content()).isEqualTo(Images.content(256 << 10));
            byte[] tail = Arrays.copyOfRange(rom.content(), 128 << 10, 256 << 10);
            assertThat(loading.memory.read(0xe0000, 128 << 10)).isEqualTo(tail);
            assertThat(loading.text(MemoryLayout.COMMAND_LINE)).isEqualTo("panic=-1");
            assertThat(loading.memory.getInt(MemoryLayout.MP_TABLE)).isEqualTo(0x504d4350);
        }
    }

    @Test
    void smallRomLeavesRoomForAcpiTables() {
        try (Loading loading = new Loading(folder, 64)) {
            load(loading, 64 << 10);
            assertThat(loading.text(MemoryLayout.ACPI_TABLES)).startsWith("RSD PTR ");
            assertThat(loading.memory.read(0xf0000, 64 << 10)).isEqualTo(Images.content(64 << 10));
        }
    }

    @Test
    void wrongSizesAreRefused() {
        try (Loading loading = new Loading(folder, 64)) {
            for (int size : new int[] {1, 4097, (16 << 20) + 4096}) {
                assertThatThrownBy(() -> load(loading, size))
                        .isInstanceOf(VmmException.class)
                        .hasMessageContaining("BIOS");
            }
        }
    }
}
