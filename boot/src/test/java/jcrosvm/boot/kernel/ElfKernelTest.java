package jcrosvm.boot.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.boot.EntryState;
import jcrosvm.boot.MemoryLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ElfKernelTest {
    private static final int SIZE = 20_000;

    @TempDir
    Path folder;

    @Test
    void vmlinuxIsEnteredInLongModeWithBootParams() {
        try (Loading loading = new Loading(folder, 64)) {
            loading.memory.fill(Images.TEXT + SIZE, 0x3000, (byte) 0x55);
            EntryState entry = loading.entry(loading.config(Images.vmlinux(SIZE)));

            assertThat(entry.registers().rip()).isEqualTo(Images.TEXT + 0x10);
            assertThat(entry.registers().rsi()).isEqualTo(MemoryLayout.BOOT_PARAMS);
            assertThat(entry.specialRegisters().efer()).isEqualTo(0x500);
            assertThat(loading.memory.read(Images.TEXT, SIZE)).isEqualTo(Images.content(SIZE));
            assertThat(loading.memory.read(Images.TEXT + SIZE, 0x3000)).containsOnly(0);
            assertThat(loading.memory.getInt(MemoryLayout.BOOT_PARAMS + 0x202)).isEqualTo(0x53726448);
        }
    }

    @Test
    void linuxWithAPvhNoteKeepsIts64BitEntry() {
        byte[] kernel = Images.elf64(
                Images.TEXT, Images.LINUX_BASE + Images.TEXT, Images.TEXT, SIZE, SIZE, Images.TEXT + 0x100);
        try (Loading loading = new Loading(folder, 64)) {
            assertThat(loading.load(kernel).description()).contains("64-bit entry");
        }
    }

    @Test
    void otherKernelsWithAPvhNoteStartIn32BitMode() {
        long physical = 0x20_0000;
        byte[] kernel = Images.elf64(
                Images.LINUX_BASE + physical, Images.LINUX_BASE + physical, physical, SIZE, SIZE, physical + 0x40);
        try (Loading loading = new Loading(folder, 64)) {
            EntryState entry =
                    loading.entry(loading.config(kernel).withInitrd(loading.file("initrd", Images.content(100))));

            assertThat(entry.registers().rip()).isEqualTo(physical + 0x40);
            assertThat(entry.specialRegisters().cr0()).isEqualTo(0x11);
            assertThat(entry.specialRegisters().cs().defaultSize()).isTrue();
            assertThat(entry.specialRegisters().tr().limit()).isEqualTo(0x67);
            long info = entry.registers().rbx();
            var memory = loading.memory;
            assertThat(memory.getInt(info)).isEqualTo(0x336ec578);
            assertThat(memory.getInt(info + 4)).isEqualTo(1);
            assertThat(memory.getInt(info + 12)).isEqualTo(1);
            long module = memory.getLong(info + 16);
            assertThat(memory.read(memory.getLong(module), 100)).isEqualTo(Images.content(100));
            assertThat(memory.getLong(module + 8)).isEqualTo(100);
            assertThat(loading.text(memory.getLong(info + 24))).isEqualTo("panic=-1 quiet a=b");
            assertThat(memory.getLong(info + 32)).isEqualTo(MemoryLayout.ACPI_TABLES);
            long map = memory.getLong(info + 40);
            assertThat(memory.getInt(info + 48)).isEqualTo(loading.layout.e820().size());
            assertThat(memory.getLong(map + 8))
                    .isEqualTo(loading.layout.e820().getFirst().size());
            assertThat(memory.getInt(map + 16)).isEqualTo(1);
        }
    }

    @Test
    void elf32StartsInFlatMode() {
        try (Loading loading = new Loading(folder, 64)) {
            EntryState entry = loading.entry(loading.config(Images.elf32(0x40_0020, 0x40_0000, SIZE, SIZE, false)));
            assertThat(entry.registers().rip()).isEqualTo(0x40_0020);
            assertThat(entry.registers().rsi()).isEqualTo(MemoryLayout.BOOT_PARAMS);
            assertThat(entry.specialRegisters().cr0()).isEqualTo(0x11);
        }
    }

    @Test
    void segmentsOutsideMemoryAreRefused() {
        long top = 64L << 20;
        try (Loading loading = new Loading(folder, 64)) {
            for (long physical : List.of(top, top - SIZE, 0L, 0x7000L, 0x9f000L, 0xff000L, -4096L, 1L << 62)) {
                byte[] kernel = Images.elf64(physical, Images.LINUX_BASE, physical, SIZE, SIZE + 4096, 0);
                assertThatThrownBy(() -> loading.load(kernel))
                        .as("%x", physical)
                        .isInstanceOf(VmmException.class)
                        .hasMessageContaining("ELF");
            }
        }
    }

    @Test
    void hostileHeadersAreRefused() {
        try (Loading loading = new Loading(folder, 64)) {
            List<byte[]> bad = List.of(
                    patched(32, Long.MAX_VALUE),
                    patched(32, -1),
                    patched(72, Long.MAX_VALUE - 5),
                    patched(72, -8),
                    patched(96, Long.MAX_VALUE),
                    patched(104, -1),
                    patched(104, 10),
                    patched(24, 0x77));
            for (byte[] kernel : bad) {
                assertThatThrownBy(() -> loading.load(kernel)).isInstanceOf(VmmException.class);
            }
        }
    }

    private static byte[] patched(int at, long value) {
        byte[] kernel = Images.vmlinux(SIZE);
        ByteBuffer.wrap(kernel).order(ByteOrder.LITTLE_ENDIAN).putLong(at, value);
        return kernel;
    }

    @Test
    void badPvhNotesAreRefused() {
        long physical = 0x20_0000;
        byte[] good = Images.elf64(1, physical, physical, SIZE, SIZE, physical);
        try (Loading loading = new Loading(folder, 64)) {
            byte[] outside = Images.elf64(1, physical, physical, SIZE, SIZE, 0x1234);
            assertThatThrownBy(() -> loading.load(outside)).hasMessageContaining("PVH");
            for (int at : List.of(0x800, 0x804, 0x814, 0x818)) {
                byte[] broken = good.clone();
                ByteBuffer.wrap(broken).order(ByteOrder.LITTLE_ENDIAN).putInt(at, -1);
                assertThatThrownBy(() -> loading.load(broken)).hasMessageContaining("note");
            }
            byte[] far = good.clone();
            ByteBuffer.wrap(far).order(ByteOrder.LITTLE_ENDIAN).putLong(128, Long.MAX_VALUE - 100);
            assertThatThrownBy(() -> loading.load(far)).isInstanceOf(VmmException.class);
        }
    }

    @Test
    void otherMachinesAndOtherFilesAreRefused() {
        byte[] arm = Images.vmlinux(SIZE);
        arm[18] = (byte) 183;
        try (Loading loading = new Loading(folder, 64)) {
            assertThatThrownBy(() -> loading.load(arm)).hasMessageContaining("machine 183");
            assertThatThrownBy(() -> loading.load(new byte[] {1})).hasMessageContaining("not a kernel");
            assertThatThrownBy(() -> loading.load(new byte[10_000])).hasMessageContaining("not a kernel");
            byte[] cut = Arrays.copyOf(Images.vmlinux(SIZE), 0x2000);
            assertThatThrownBy(() -> loading.load(cut)).hasMessageContaining("truncated");
        }
    }
}
