package jcrosvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

final class KernelModulesTest {
    @TempDir
    private Path directory;

    /** An ELF object with no more than the sections .modinfo and .shstrtab. */
    static byte[] module(String modinfo) {
        byte[] info = modinfo.getBytes(StandardCharsets.UTF_8);
        byte[] names = "\0.modinfo\0.shstrtab\0".getBytes(StandardCharsets.UTF_8);
        ByteBuffer elf = ByteBuffer.allocate(64 + info.length + names.length + 3 * 64);
        elf.order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0, 0x464c457f).put(4, (byte) 2).put(5, (byte) 1).put(6, (byte) 1);
        int headers = 64 + info.length + names.length;
        elf.putLong(0x28, headers).putShort(0x3a, (short) 64).putShort(0x3c, (short) 3);
        elf.putShort(0x3e, (short) 2);
        elf.put(64, info).put(64 + info.length, names);
        elf.putInt(headers + 64, 1).putLong(headers + 64 + 0x18, 64).putLong(headers + 64 + 0x20, info.length);
        elf.putInt(headers + 128, 10).putLong(headers + 128 + 0x18, 64 + info.length);
        elf.putLong(headers + 128 + 0x20, names.length);
        return elf.array();
    }

    private void store(String file, String depends) throws IOException {
        byte[] image = module("license=GPL\0depends=" + depends + "\0name=x\0");
        Path path = directory.resolve("kernel/" + file);
        Files.createDirectories(path.getParent());
        try (OutputStream out = Files.newOutputStream(path);
                OutputStream packed = file.endsWith(".xz")
                        ? new XZOutputStream(out, new LZMA2Options())
                        : file.endsWith(".gz") ? new GZIPOutputStream(out) : out) {
            packed.write(image);
        }
    }

    private KernelModules sample() throws IOException {
        store("net/net_core.ko.xz", "");
        store("net/fail-over.ko.gz", "net_core");
        store("net/virtio_net.ko", "fail-over,virtio,net_core");
        store("a.ko", "b");
        store("b.ko", "a");
        store("lost.ko", "missing");
        Files.writeString(directory.resolve("modules.builtin"), "kernel/drivers/virtio/virtio.ko\n");
        return KernelModules.of(directory);
    }

    @Test
    void dependenciesComeFirstAndOnce() throws Exception {
        List<KernelModule> order = sample().loadOrder(List.of("virtio-net", "net_core", "virtio", "fail_over"));
        assertThat(order).extracting(KernelModule::name).containsExactly("net_core", "fail_over", "virtio_net");
        assertThat(order.get(1).image()).startsWith(0x7f, 'E', 'L', 'F');
    }

    @Test
    void builtinsAreKnown() throws Exception {
        assertThat(sample().isBuiltin("virtio")).isTrue();
        assertThat(sample().has("virtio-net")).isTrue();
        assertThat(sample().has("floppy")).isFalse();
    }

    @Test
    void unknownAndCircularNamesAreRefused() throws Exception {
        KernelModules modules = sample();
        assertThatThrownBy(() -> modules.loadOrder(List.of("floppy")))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("no module floppy");
        assertThatThrownBy(() -> modules.loadOrder(List.of("lost"))).hasMessageContaining("no module missing");
        assertThatThrownBy(() -> modules.loadOrder(List.of("a"))).hasMessageContaining("depend on each other");
    }

    @Test
    void damagedObjectsAreRefused() {
        byte[] whole = module("depends=\0");
        for (int seed = 0; seed < 2000; seed++) {
            Random random = new Random(seed);
            byte[] bytes = Arrays.copyOf(whole, random.nextBoolean() ? whole.length : random.nextInt(whole.length));
            for (int i = random.nextInt(4); i >= 0 && bytes.length > 0; i--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            try {
                ModInfo.parse("sample", bytes);
            } catch (VmmException e) {
                assertThat(e).as("seed %d", seed).hasMessageStartingWith("sample is not a kernel module");
            }
        }
    }

    @Test
    void modulesAreListedInTheInitramfsInLoadOrder() throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        new Initramfs().modules(sample().loadOrder(List.of("virtio_net"))).write(out);
        assertThat(out.toString(StandardCharsets.ISO_8859_1)).contains("net_core\nfail_over\nvirtio_net\n");
    }
}
