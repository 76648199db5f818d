package jcrosvm.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.IoVec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A raw disk that is known by its first bytes alone cannot be given those of another format. */
class GuessedFormatTest {
    private static final int SIZE = 64 << 10;
    private static final DiskOptions DIRECT = new DiskOptions(false, true, true, true);

    @TempDir
    Path dir;

    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }

    static List<byte[]> beginnings() {
        return List.of(
                bytes('Q', 'F', 'I', 0xfb),
                bytes(0x3a, 0xff, 0x26, 0xed),
                bytes(0x28, 0xb5, 0x2f, 0xfd),
                bytes(0x50, 0x2a, 0x4d, 0x18),
                bytes(0x5f, 0x2a, 0x4d, 0x18),
                "composite_disk\u001d".getBytes(StandardCharsets.US_ASCII));
    }

    private Path file(int size) throws IOException {
        return Files.write(dir.resolve("disk"), new byte[size]);
    }

    private DiskFile open(boolean direct) {
        try {
            return DiskImages.open(dir.resolve("disk"), direct ? DIRECT : DiskOptions.DEFAULT);
        } catch (VmmException e) {
            assumeTrue(!direct, e.getMessage());
            throw e;
        }
    }

    private void assertRaw() throws IOException {
        byte[] all = Files.readAllBytes(dir.resolve("disk"));
        assertThat(FormatProbe.of(Arrays.copyOf(all, Math.min(all.length, FormatProbe.LENGTH))))
                .isEqualTo(DiskFormat.RAW);
    }

    @ParameterizedTest
    @MethodSource("beginnings")
    void refusesABeginningWholeOrInPieces(byte[] beginning) throws IOException {
        for (int size : new int[] {SIZE, 512, 3}) {
            for (boolean direct : new boolean[] {false, true}) {
                file(size);
                try (DiskFile disk = open(direct)) {
                    for (byte[] whole : List.of(beginning, Arrays.copyOf(beginning, 512))) {
                        assertThatThrownBy(() -> DiskModel.write(disk, 0, whole))
                                .isInstanceOf(RefusedWriteException.class)
                                .hasMessageContaining("format=raw");
                    }
                    // From the last byte to the first, each by a write of its own: only the one that completes it
                    // fails.
                    for (int i = beginning.length - 1; i > 0; i--) {
                        DiskModel.write(disk, i, new byte[] {beginning[i]});
                    }
                    assertThatThrownBy(() -> DiskModel.write(disk, 0, new byte[] {beginning[0]}))
                            .isInstanceOf(RefusedWriteException.class);
                    // By the zeros that the file has, nothing becomes a format.
                    disk.writeZeroes(1, 1, true);
                    disk.discard(2, 1);
                    DiskModel.write(disk, 0, new byte[] {beginning[0]});
                    assertRaw();
                    DiskModel.write(disk, 0, new byte[] {1, 2, 3, 4});
                    assertThat(DiskModel.read(disk, 0, 4)).containsExactly(1, 2, 3, 4);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("beginnings")
    void givenFormatsAreNotGuarded(byte[] beginning) throws IOException {
        file(SIZE);
        DiskOptions options = DiskOptions.DEFAULT.withFormat(DiskFormat.RAW);
        try (DiskFile disk = DiskImages.open(dir.resolve("disk"), options)) {
            assertThat(disk.plainFile()).isNotNull();
            assertThat(disk.plainFile().writableFrom()).isZero();
            DiskModel.write(disk, 0, beginning);
            assertThat(DiskModel.read(disk, 0, beginning.length)).isEqualTo(beginning);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void randomWritesLeaveItRawAndLoseNothingElse(boolean direct) throws IOException {
        Random random = new Random(direct ? 1 : 2);
        List<byte[]> beginnings = beginnings();
        file(SIZE);
        try (DiskFile disk = open(direct)) {
            byte[] model = new byte[SIZE];
            int refused = 0;
            for (int round = 0; round < 4000; round++) {
                byte[] beginning = beginnings.get(random.nextInt(beginnings.size()));
                int offset = random.nextInt(4) == 0 ? 0 : random.nextInt(18);
                byte[] data = new byte[1 + random.nextInt(random.nextInt(8) == 0 ? 9000 : 18)];
                random.nextBytes(data);
                for (int i = 0; i < data.length && offset + i < beginning.length; i++) {
                    data[i] = beginning[offset + i];
                }
                byte[] next = model.clone();
                System.arraycopy(data, 0, next, offset, data.length);
                boolean raw = FormatProbe.of(Arrays.copyOf(next, FormatProbe.LENGTH)) == DiskFormat.RAW;
                try {
                    DiskModel.write(disk, offset, data);
                    assertThat(raw).as("round %d", round).isTrue();
                    model = next;
                } catch (RefusedWriteException e) {
                    assertThat(raw).as("round %d", round).isFalse();
                    refused++;
                }
                if (random.nextInt(10) == 0) {
                    int at = random.nextInt(16);
                    disk.writeZeroes(at, 2, random.nextBoolean());
                    Arrays.fill(model, at, at + 2, (byte) 0);
                }
            }
            assertThat(refused).isPositive();
            assertThat(DiskModel.read(disk, 0, SIZE)).isEqualTo(model);
        }
        assertRaw();
    }

    /** The guest changes its memory between the check and the write, and writes halves from two queues. */
    @Test
    void nothingIsWrittenThatWasNotChecked() throws Exception {
        file(SIZE);
        byte[] magic = beginnings().getFirst();
        AtomicBoolean end = new AtomicBoolean();
        try (Arena arena = Arena.ofShared();
                DiskFile disk = open(false)) {
            MemorySegment memory = arena.allocate(512, 4096);
            Thread changer = Thread.ofPlatform().start(() -> {
                while (!end.get()) {
                    MemorySegment.copy(magic, 0, memory, ValueLayout.JAVA_BYTE, 0, 4);
                    memory.asSlice(0, 4).fill((byte) 0);
                }
            });
            Thread other = Thread.ofPlatform().start(() -> {
                while (!end.get()) {
                    attempt(disk, 2, Arrays.copyOfRange(magic, 2, 4));
                    attempt(disk, 2, new byte[2]);
                }
            });
            try {
                IoVec vec = new IoVec(2);
                for (int i = 0; i < 3000; i++) {
                    if (i % 2 == 0) {
                        vec.clear();
                        vec.add(memory, 0, 3);
                        vec.add(memory, 3, 509);
                        try {
                            disk.write(0, vec);
                        } catch (RefusedWriteException e) {
                            // As it should, now and then.
                        }
                    } else {
                        attempt(disk, 0, Arrays.copyOf(magic, 2));
                    }
                    assertThat(FormatProbe.of(DiskModel.read(disk, 0, FormatProbe.LENGTH)))
                            .isEqualTo(DiskFormat.RAW);
                }
            } finally {
                end.set(true);
                changer.join();
                other.join();
            }
        }
    }

    private static void attempt(DiskFile disk, long offset, byte[] data) {
        try {
            DiskModel.write(disk, offset, data);
        } catch (RefusedWriteException e) {
            // What it was tried for.
        }
    }

    @Test
    void aResizedDiskIsStillGuarded() throws IOException {
        file(SIZE);
        try (DiskFile disk = open(false)) {
            disk.resize(0);
            disk.resize(4096);
            assertThatThrownBy(() -> DiskModel.write(disk, 0, beginnings().getFirst()))
                    .isInstanceOf(RefusedWriteException.class);
        }
        assertRaw();
    }
}
