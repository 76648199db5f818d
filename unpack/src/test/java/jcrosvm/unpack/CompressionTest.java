package jcrosvm.unpack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import jcrosvm.unpack.testing.Tool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tukaani.xz.XZIOException;

/** The command-line compressors are the oracle. */
class CompressionTest {
    @TempDir
    Path folder;

    /** Something like a program: text, repetitions near and far, noise, and zeros. */
    private static byte[] sample(int size) {
        Random random = new Random(size);
        ByteBuffer out = ByteBuffer.allocate(size);
        byte[] noise = new byte[5000];
        while (out.hasRemaining()) {
            int room = out.remaining();
            int n = Math.min(room, 1 + random.nextInt(9000));
            switch (random.nextInt(5)) {
                case 0 -> {
                    random.nextBytes(noise);
                    out.put(noise, 0, Math.min(n, noise.length));
                }
                case 1 -> out.put(new byte[n]);
                case 2 -> {
                    for (int i = 0; i < n; i++) {
                        out.put((byte) ('a' + Math.min(25, Math.abs((int) (random.nextGaussian() * 5)))));
                    }
                }
                default -> {
                    int distance = 1 + random.nextInt(Math.max(1, out.position()));
                    for (int i = 0; i < n; i++) {
                        int from = out.position() - distance;
                        out.put(from < 0 ? (byte) i : out.get(from));
                    }
                }
            }
        }
        return out.array();
    }

    private static byte[] unpack(Compression expected, byte[] packed, long limit) throws IOException {
        ByteBuffer head = ByteBuffer.wrap(packed).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(Compression.of(head)).isEqualTo(expected);
        try (InputStream stream = expected.open(new ByteArrayInputStream(packed), limit)) {
            return stream.readAllBytes();
        }
    }

    private byte[] pack(String command, byte[] content) throws IOException {
        String[] words = command.split(" ", -1);
        words[0] = Tool.require(words[0]);
        Files.write(folder.resolve("in"), content);
        String shell = String.join(" ", words) + " < in > out";
        Tool.run(folder, "/bin/sh", "-c", shell);
        return Files.readAllBytes(folder.resolve("out"));
    }

    @ParameterizedTest
    @CsvSource({
        "GZIP, gzip -9",
        "XZ, xz --check=crc32 --x86 --lzma2=dict=1MiB",
        "LZMA, lzma -9",
        "LZ4, lz4 -l -9",
        "LZ4, lz4 -l -1",
        "ZSTD, zstd -1",
        "ZSTD, zstd -19 --long=27",
        "ZSTD, zstd --ultra -22 --no-check",
        "ZSTD, zstd --fast=5"
    })
    void givesWhatWasPacked(Compression expected, String command) throws IOException {
        for (int size : new int[] {1, 2, 100, 5000, 131_072, 300_001, 3_500_000}) {
            byte[] content = sample(size);
            assertThat(Arrays.equals(unpack(expected, pack(command, content), size), content))
                    .as("%d bytes", size)
                    .isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource({"ZSTD, zstd -1", "ZSTD, zstd --ultra -22", "LZ4, lz4 -l -9", "XZ, xz -0", "LZMA, lzma -0"})
    void damageIsOnlyEverAnIoException(Compression compression, String command) throws IOException {
        byte[] packed = pack(command, sample(40_000));
        Random random = new Random(5);
        for (int round = 0; round < 500; round++) {
            byte[] damaged = round % 4 == 0 ? Arrays.copyOf(packed, random.nextInt(packed.length)) : packed.clone();
            for (int i = random.nextInt(4); i >= 0 && damaged.length > 0; i--) {
                int range = random.nextBoolean() ? damaged.length : Math.min(damaged.length, 60);
                damaged[random.nextInt(range)] = (byte) random.nextInt();
            }
            try (InputStream stream = compression.open(new ByteArrayInputStream(damaged), 50_000)) {
                stream.readNBytes(200_000);
            } catch (IOException e) {
                // As promised.
            } catch (RuntimeException e) {
                throw new AssertionError("round " + round, e);
            }
        }
    }

    @Test
    void moreThanAllowedIsRefused() throws IOException {
        byte[] packed = pack("zstd -1", new byte[1 << 20]);
        assertThatThrownBy(() -> unpack(Compression.ZSTD, packed, 1 << 19))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("allowed");
    }

    @Test
    void hugeDictionariesAreRefused() throws IOException {
        byte[] packed = pack("xz --lzma2=preset=0,dict=1GiB", "text".getBytes(StandardCharsets.US_ASCII));
        assertThatThrownBy(() -> unpack(Compression.XZ, packed, 100)).isInstanceOf(XZIOException.class);
    }

    @Test
    void otherContentIsUnknown() {
        assertThat(Compression.of(ByteBuffer.wrap(new byte[8]))).isNull();
    }
}
