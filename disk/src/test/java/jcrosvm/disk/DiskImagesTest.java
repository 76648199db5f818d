package jcrosvm.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DiskImagesTest {
    @TempDir
    Path dir;

    private static byte[] start(int... bytes) {
        byte[] start = new byte[15];
        for (int i = 0; i < bytes.length; i++) {
            start[i] = (byte) bytes[i];
        }
        return start;
    }

    @Test
    void firstBytesTellTheFormat() {
        assertThat(FormatProbe.of(new byte[0])).isEqualTo(DiskFormat.RAW);
        assertThat(FormatProbe.of(new byte[3])).isEqualTo(DiskFormat.RAW);
        assertThat(FormatProbe.of(new byte[15])).isEqualTo(DiskFormat.RAW);
        assertThat(FormatProbe.of(start('Q', 'F', 'I', 0xfb))).isEqualTo(DiskFormat.QCOW2);
        assertThat(FormatProbe.of(start(0x3a, 0xff, 0x26, 0xed))).isEqualTo(DiskFormat.ANDROID_SPARSE);
        assertThat(FormatProbe.of(start(0x28, 0xb5, 0x2f, 0xfd))).isEqualTo(DiskFormat.ZSTD);
        assertThat(FormatProbe.of(start(0x5f, 0x2a, 0x4d, 0x18))).isEqualTo(DiskFormat.ZSTD);
        byte[] composite = "composite_disk\u001d".getBytes(StandardCharsets.US_ASCII);
        assertThat(FormatProbe.of(composite)).isEqualTo(DiskFormat.COMPOSITE);
        assertThat(FormatProbe.of(Arrays.copyOf(composite, 14))).isEqualTo(DiskFormat.RAW);
    }

    @Test
    void aGivenFormatIsNotDoubted() throws IOException {
        Path path = Files.write(dir.resolve("disk"), Arrays.copyOf(start('Q', 'F', 'I', 0xfb), 4096));
        try (DiskFile disk = DiskImages.open(path, DiskOptions.READ_ONLY.withFormat(DiskFormat.RAW))) {
            assertThat(disk.length()).isEqualTo(4096);
            assertThat(DiskModel.read(disk, 0, 4)).isEqualTo(Arrays.copyOf(start('Q', 'F', 'I', 0xfb), 4));
        }
        for (DiskFormat format : DiskFormat.values()) {
            if (format != DiskFormat.RAW) {
                Files.write(path, new byte[4096]);
                assertThatThrownBy(() -> DiskImages.open(path, DiskOptions.READ_ONLY.withFormat(format)))
                        .isInstanceOf(DiskException.class)
                        .hasMessageContaining(path.toString());
            }
        }
        // What could not be opened is not left locked.
        DiskImages.open(path, DiskOptions.DEFAULT).close();
    }
}
