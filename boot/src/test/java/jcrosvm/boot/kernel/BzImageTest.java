package jcrosvm.boot.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import jcrosvm.base.VmmException;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.E820Entry;
import jcrosvm.boot.EntryState;
import jcrosvm.boot.KernelUnpack;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BzImageTest {
    private static final long PAGE = MemoryLayout.BOOT_PARAMS;

    @TempDir
    Path folder;

    private static byte[] plain() {
        return Images.bzImage(new byte[5000], 0).array();
    }

    @Test
    void entersLongModeBehindTheLoadAddress() {
        try (Loading loading = new Loading(folder, 64)) {
            EntryState entry = loading.entry(loading.config(plain()));

            assertThat(entry.registers().rip()).isEqualTo(MemoryLayout.KERNEL + 0x200);
            assertThat(entry.registers().rsi()).isEqualTo(PAGE);
            assertThat(entry.registers().rsp()).isEqualTo(MemoryLayout.BOOT_STACK);
            SpecialRegisters special = entry.specialRegisters();
            assertThat(special.efer()).isEqualTo(0x500);
            assertThat(special.cr0()).isEqualTo(0x8000_0011L);
            assertThat(special.cr4()).isEqualTo(0x20);
            assertThat(special.cr3()).isEqualTo(MemoryLayout.PAGE_TABLES);
            assertThat(special.cs().longMode()).isTrue();
            assertThat(special.cs().selector()).isEqualTo(0x10);
            assertThat(special.ds().selector()).isEqualTo(0x18);
            assertThat(special.gdt().base()).isEqualTo(MemoryLayout.GDT);
            byte[] loaded = loading.memory.read(MemoryLayout.KERNEL, 0x400);
            assertThat(loaded).isEqualTo(Images.content(0x400));
        }
    }

    @Test
    void pageTablesMapFourGiBToThemselves() {
        try (Loading loading = new Loading(folder, 64)) {
            long cr3 = loading.entry(loading.config(plain())).specialRegisters().cr3();
            for (long address = 0; address < 1L << 32; address += 2 << 20) {
                long pml4 = loading.memory.getLong(cr3) & -4096L;
                long directory = loading.memory.getLong(pml4 + (address >> 30) * 8) & -4096L;
                long entry = loading.memory.getLong(directory + (address >> 21 & 511) * 8);
                assertThat(entry).isEqualTo(address | 0x83);
            }
        }
    }

    @Test
    void fillsTheZeroPage() {
        try (Loading loading = new Loading(folder, 64)) {
            BootConfig config = loading.config(plain()).withInitrd(loading.file("initrd", Images.content(5001)));
            loading.load(config);

            var memory = loading.memory;
            assertThat(memory.getShort(PAGE + 0x1fe) & 0xffff).isEqualTo(0xaa55);
            assertThat(memory.getInt(PAGE + 0x202)).isEqualTo(0x53726448);
            assertThat(memory.getShort(PAGE + 0x206)).isEqualTo((short) 0x20f);
            assertThat(memory.getByte(PAGE + 0x210)).isEqualTo((byte) 0xff);
            assertThat(memory.getInt(PAGE + 0x228)).isEqualTo((int) MemoryLayout.COMMAND_LINE);
            assertThat(loading.text(MemoryLayout.COMMAND_LINE)).isEqualTo("panic=-1 quiet a=b");
            int at = memory.getInt(PAGE + 0x218);
            assertThat(at).isEqualTo((64 << 20) - 8192);
            assertThat(memory.getInt(PAGE + 0x21c)).isEqualTo(5001);
            assertThat(memory.read(at, 5001)).isEqualTo(Images.content(5001));
            assertThat(memory.getLong(PAGE + 0x70)).isEqualTo(MemoryLayout.ACPI_TABLES);
            assertThat(memory.getByte(PAGE + 0x1e8))
                    .isEqualTo((byte) loading.layout.e820().size());
            for (int i = 0; i < loading.layout.e820().size(); i++) {
                long entry = PAGE + 0x2d0 + 20L * i;
                assertThat(new E820Entry(memory.getLong(entry), memory.getLong(entry + 8), memory.getInt(entry + 16)))
                        .isEqualTo(loading.layout.e820().get(i));
            }
        }
    }

    @Test
    void seedsTheRandomGenerator() {
        try (Loading loading = new Loading(folder, 64)) {
            loading.load(plain());
            long data = loading.memory.getLong(PAGE + 0x250);
            assertThat(data).isEqualTo(MemoryLayout.SETUP_DATA);
            assertThat(loading.memory.getLong(data)).isZero();
            assertThat(loading.memory.getInt(data + 8)).isEqualTo(9);
            assertThat(loading.memory.getInt(data + 12)).isEqualTo(256);
            byte[] seed = loading.memory.read(data + 16, 256);
            loading.load(plain());
            assertThat(loading.memory.read(data + 16, 256)).isNotEqualTo(seed).isNotEqualTo(new byte[256]);
        }
    }

    @Test
    void initrdGoesAboveFourGiBWhereTheKernelAllows() {
        try (Loading loading = new Loading(folder, 4096)) {
            loading.load(loading.config(plain()).withInitrd(loading.file("initrd", Images.content(5001))));

            long high = loading.memory.getInt(PAGE + 0xc0) & 0xffff_ffffL;
            long address = high << 32 | loading.memory.getInt(PAGE + 0x218) & 0xffff_ffffL;
            assertThat(address).isEqualTo((1L << 32) + loading.layout.highRam() - 8192);
            assertThat(loading.memory.read(address, 5001)).isEqualTo(Images.content(5001));
        }
        try (Loading loading = new Loading(folder, 4096)) {
            byte[] kernel =
                    Images.bzImage(new byte[5000], 0).putShort(0x236, (short) 1).array();
            loading.load(loading.config(kernel).withInitrd(loading.file("initrd", Images.content(5001))));
            assertThat(loading.memory.getInt(PAGE + 0xc0)).isZero();
            assertThat(loading.memory.getInt(PAGE + 0x218)).isEqualTo(0x8000_0000 - 8192);
        }
    }

    @Test
    void kernelWithoutA64BitEntryStartsIn32BitMode() {
        try (Loading loading = new Loading(folder, 64)) {
            byte[] kernel =
                    Images.bzImage(new byte[5000], 0).putShort(0x236, (short) 0).array();
            EntryState entry = loading.entry(loading.config(kernel));

            assertThat(entry.registers().rip()).isEqualTo(MemoryLayout.KERNEL);
            assertThat(entry.registers().rsi()).isEqualTo(PAGE);
            assertThat(entry.specialRegisters().cr0()).isEqualTo(0x11);
            assertThat(entry.specialRegisters().cs().defaultSize()).isTrue();
        }
    }

    @Test
    void unpacksGzipAndZstandard() throws IOException {
        byte[] vmlinux = Images.vmlinux(300_000);
        ByteArrayOutputStream gzip = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(gzip)) {
            out.write(vmlinux);
            out.write(new byte[100_000]);
        }
        for (byte[] payload : List.of(gzip.toByteArray(), Images.storedZstd(vmlinux))) {
            byte[] kernel = Images.bzImage(payload, vmlinux.length).array();
            try (Loading loading = new Loading(folder, 64)) {
                EntryState entry = loading.entry(loading.config(kernel).withUnpack(KernelUnpack.ON));
                assertThat(entry.registers().rip()).isEqualTo(Images.TEXT + 0x10);
                assertThat(loading.memory.read(Images.TEXT, 300_000)).isEqualTo(Images.content(300_000));
                assertThat(loading.memory.getShort(PAGE + 0x206)).isEqualTo((short) 0x20f);
            }
        }
    }

    @Test
    void whatCannotBeUnpackedIsLeftToTheGuestUnlessDemanded() {
        byte[] kernel = Images.bzImage(Images.storedZstd(new byte[2000]), 2000).array();
        try (Loading loading = new Loading(folder, 64)) {
            assertThat(loading.load(loading.config(kernel).withUnpack(KernelUnpack.AUTO))
                            .description())
                    .contains("64-bit entry, entry 0x200200");
            assertThatThrownBy(() -> loading.load(loading.config(kernel).withUnpack(KernelUnpack.ON)))
                    .isInstanceOf(VmmException.class);
            assertThatThrownBy(() -> loading.load(loading.config(plain()).withUnpack(KernelUnpack.ON)))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("compressed");
        }
    }

    @Test
    void aKernelWithoutItsEndIsRefusedHoweverItIsEntered() {
        byte[] whole = Images.bzImage(new byte[5000], 0).array();
        try (Loading loading = new Loading(folder, 64)) {
            for (KernelUnpack mode : KernelUnpack.values()) {
                BootConfig cut =
                        loading.config(Arrays.copyOf(whole, whole.length - 1)).withUnpack(mode);
                assertThatThrownBy(() -> loading.load(cut))
                        .isInstanceOf(VmmException.class)
                        .hasMessageContaining("truncated");
            }
        }
    }

    @Test
    void aDamagedPayloadIsLeftToTheGuestUnlessDemanded() throws IOException {
        ByteArrayOutputStream gzip = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(gzip)) {
            out.write(Images.content(5000));
        }
        byte[] payload = gzip.toByteArray();
        Arrays.fill(payload, 10, payload.length, (byte) 0xff);
        byte[] kernel = Images.bzImage(payload, 5000).array();
        try (Loading loading = new Loading(folder, 64)) {
            assertThat(loading.load(loading.config(kernel).withUnpack(KernelUnpack.AUTO))
                            .description())
                    .contains("64-bit entry");
            assertThatThrownBy(() -> loading.load(loading.config(kernel).withUnpack(KernelUnpack.ON)))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("cannot be decompressed");
        }
    }

    @Test
    void unpackedSizeBeyondMemoryIsRefused() {
        byte[] kernel =
                Images.bzImage(Images.storedZstd(new byte[2000]), 0xffff_fff0).array();
        try (Loading loading = new Loading(folder, 64)) {
            assertThatThrownBy(() -> loading.load(loading.config(kernel).withUnpack(KernelUnpack.ON)))
                    .hasMessageContaining("more memory");
        }
    }

    @Test
    void tooLongCommandLineIsRefused() {
        try (Loading loading = new Loading(folder, 64)) {
            BootConfig config = loading.config(plain());
            String fits = "x".repeat(2047 - "panic=-1 ".length());
            loading.load(config.withParams(List.of(fits)));
            assertThat(loading.text(MemoryLayout.COMMAND_LINE)).hasSize(2047);
            assertThatThrownBy(() -> loading.load(config.withParams(List.of(fits + "y"))))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("2048 bytes, at most 2047");
            byte[] shorter =
                    Images.bzImage(new byte[5000], 0).putInt(0x238, 100).array();
            assertThatThrownBy(() -> loading.load(loading.config(shorter).withParams(Collections.nCopies(50, "abc"))))
                    .hasMessageContaining("at most 100");
        }
    }

    @Test
    void badImagesAreOneLineEach() {
        ByteBuffer early = Images.bzImage(new byte[5000], 0).put(0x1f1, (byte) 200);
        ByteBuffer old = Images.bzImage(new byte[5000], 0).putShort(0x206, (short) 0x201);
        ByteBuffer low = Images.bzImage(new byte[5000], 0).put(0x211, (byte) 0);
        ByteBuffer alignment = Images.bzImage(new byte[5000], 0).putInt(0x230, 0x300000);
        ByteBuffer preferred = Images.bzImage(new byte[5000], 0).putLong(0x258, -1);
        ByteBuffer huge = Images.bzImage(new byte[5000], 0).putInt(0x260, -1);
        try (Loading loading = new Loading(folder, 64)) {
            for (ByteBuffer bad : List.of(early, old, low, alignment, preferred, huge)) {
                assertThatThrownBy(() -> loading.load(bad.array()))
                        .isInstanceOf(VmmException.class)
                        .message()
                        .contains("kernel '")
                        .doesNotContain("\n");
            }
        }
    }

    @Test
    void initrdThatDoesNotFitIsRefused() {
        try (Loading loading = new Loading(folder, 64)) {
            Path initrd = loading.file("initrd", new byte[48 << 20]);
            assertThatThrownBy(() -> loading.load(loading.config(plain()).withInitrd(initrd)))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("initrd")
                    .hasMessageContaining("too big");
            assertThatThrownBy(() -> loading.load(loading.config(plain()).withInitrd(folder.resolve("none"))))
                    .hasMessageContaining("does not exist");
            assertThatThrownBy(() -> loading.load(loading.config(plain()).withInitrd(loading.file("e", new byte[0]))))
                    .hasMessageContaining("empty");
            assertThatThrownBy(() -> loading.load(loading.config(plain()).withInitrd(folder)))
                    .hasMessageContaining("not a regular file");
        }
    }
}
