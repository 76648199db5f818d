package jcrosvm.disk.zstd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskFormat;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskModel;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.HostileImages;
import jcrosvm.unpack.testing.Tool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Frames come from the zstd program, the table from here. */
class ZstdDiskTest {
    @TempDir
    Path dir;

    private static byte[] content(int size) {
        Random random = new Random(size);
        byte[] bytes = new byte[size];
        for (int at = 0; at < size; ) {
            int n = Math.min(size - at, 1 + random.nextInt(9000));
            switch (random.nextInt(3)) {
                case 0 -> {
                    byte[] noise = new byte[n];
                    random.nextBytes(noise);
                    System.arraycopy(noise, 0, bytes, at, n);
                }
                case 1 -> Arrays.fill(bytes, at, at + n, (byte) random.nextInt(3));
                default -> {
                    for (int i = 0; i < n; i++) {
                        bytes[at + i] = (byte) ("the quick brown fox".charAt((i + n) % 19));
                    }
                }
            }
            at += n;
        }
        return bytes;
    }

    private byte[] pack(byte[] part, String... options) throws IOException {
        Files.write(dir.resolve("part"), part);
        List<String> command = new ArrayList<>(List.of("zstd", "-q", "-f"));
        command.addAll(List.of(options));
        command.addAll(List.of("part", "-o", "part.zst"));
        Tool.run(dir, command.toArray(String[]::new));
        return Files.readAllBytes(dir.resolve("part.zst"));
    }

    private Path image(byte[] content, int frame, boolean checksums, String... options) throws IOException {
        Tool.require("zstd");
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int frames = (content.length + frame - 1) / frame;
        int entry = checksums ? 12 : 8;
        ByteBuffer table = ByteBuffer.allocate(8 + frames * entry + 9).order(ByteOrder.LITTLE_ENDIAN);
        table.putInt(0x184d2a5e).putInt(frames * entry + 9);
        for (int i = 0; i < frames; i++) {
            byte[] part = Arrays.copyOfRange(content, i * frame, Math.min(content.length, (i + 1) * frame));
            byte[] packed = pack(part, options);
            out.writeBytes(packed);
            table.putInt(packed.length).putInt(part.length);
            if (checksums) {
                table.putInt(0);
            }
        }
        table.putInt(frames).put((byte) (checksums ? 0x80 : 0)).putInt(0x8f92eab1);
        out.writeBytes(table.array());
        return Files.write(dir.resolve("image.zst"), out.toByteArray());
    }

    @ParameterizedTest
    @CsvSource({"1000000, 65536, false", "1000000, 300000, true", "700, 700, false", "513, 100, true"})
    void readsFramesAnywhere(int size, int frame, boolean checksums) throws IOException {
        byte[] bytes = content(size);
        try (DiskFile disk = DiskImages.open(image(bytes, frame, checksums, "-9"), DiskOptions.READ_ONLY)) {
            assertThat(disk).isInstanceOf(ZstdDisk.class);
            int padded = (size + 511) / 512 * 512;
            assertThat(disk.length()).isEqualTo(padded);
            new DiskModel(disk, Arrays.copyOf(bytes, padded), size).run(100, 1, false);
        }
    }

    @Test
    void frameThatLiesAboutItsSizeFailsWhenItIsRead() throws IOException {
        Path path = image(content(3000), 1000, false, "--no-check");
        byte[] bytes = Files.readAllBytes(path);
        int entries = bytes.length - 9 - 3 * 8;
        for (int lie : new int[] {999, 1001}) {
            ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putInt(entries + 8 + 4, lie);
            Files.write(path, bytes);
            try (DiskFile disk = DiskImages.open(path, DiskOptions.READ_ONLY)) {
                assertThat(DiskModel.read(disk, 0, 1000)).isEqualTo(Arrays.copyOf(content(3000), 1000));
                assertThatThrownBy(() -> DiskModel.read(disk, 1000, 10))
                        .isInstanceOf(DiskException.class)
                        .hasMessageContaining("frame 1 is damaged");
                assertThat(DiskModel.read(disk, 0, 10)).isEqualTo(Arrays.copyOf(content(3000), 10));
            }
        }
    }

    @Test
    void refusesWhatHasNoTable() throws IOException {
        Tool.require("zstd");
        Path path = Files.write(dir.resolve("plain.zst"), pack(content(5000)));
        assertThatThrownBy(() -> DiskImages.open(path, DiskOptions.READ_ONLY)).hasMessageContaining("no seek table");
        byte[] table = new byte[17 + 13];
        ByteBuffer.wrap(table)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(0xfd2fb528)
                .position(17 + 4)
                .putInt(Integer.MAX_VALUE)
                .put((byte) 0)
                .putInt(0x8f92eab1);
        Files.write(path, table);
        assertThatThrownBy(() -> DiskImages.open(path, DiskOptions.READ_ONLY)).hasMessageContaining("at most");
    }

    @Test
    void damageIsOnlyEverAPromisedException() throws IOException {
        Path path = image(content(20_000), 3000, false);
        HostileImages.run(path, DiskOptions.READ_ONLY.withFormat(DiskFormat.ZSTD), 800, 400, 100);
    }
}
