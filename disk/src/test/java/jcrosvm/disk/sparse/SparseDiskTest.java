package jcrosvm.disk.sparse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskModel;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.HostileImages;
import jcrosvm.disk.raw.ImageFile;
import jcrosvm.unpack.testing.Tool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SparseDiskTest {
    @TempDir
    Path dir;

    private static byte[] content(Random random, int blocks, int blockSize) {
        ByteBuffer out = ByteBuffer.allocate(blocks * blockSize).order(ByteOrder.LITTLE_ENDIAN);
        byte[] block = new byte[blockSize];
        while (out.hasRemaining()) {
            int kind = random.nextInt(4);
            int word = random.nextInt();
            for (int n = Math.min(out.remaining() / blockSize, 1 + random.nextInt(6)); n > 0; n--) {
                switch (kind) {
                    case 0 -> random.nextBytes(block);
                    case 1 -> Arrays.fill(block, (byte) 0);
                    case 2 -> Arrays.fill(block, (byte) word);
                    default -> {
                        for (int i = 0; i < blockSize; i += 4) {
                            ByteBuffer.wrap(block)
                                    .order(ByteOrder.LITTLE_ENDIAN)
                                    .putInt(i, word);
                        }
                    }
                }
                out.put(block);
            }
        }
        return out.array();
    }

    @ParameterizedTest
    @ValueSource(ints = {1024, 4096, 65536})
    void readsWhatImg2simgMakes(int blockSize) throws IOException {
        Tool.require("img2simg");
        byte[] bytes = content(new Random(blockSize), (2 << 20) / blockSize, blockSize);
        Files.write(dir.resolve("raw"), bytes);
        Tool.run(dir, "img2simg", "raw", "sparse", Integer.toString(blockSize));
        try (DiskFile disk = DiskImages.open(dir.resolve("sparse"), DiskOptions.READ_ONLY)) {
            assertThat(disk).isInstanceOf(SparseDisk.class);
            assertThat(disk.length()).isEqualTo(bytes.length);
            new DiskModel(disk, bytes, 3).run(300, 1, false);
        }
    }

    private record Chunk(int type, int blocks, byte[] data) {}

    private Path image(int blockSize, int blocks, Chunk... chunks) throws IOException {
        int size =
                28 + Arrays.stream(chunks).mapToInt(c -> 12 + c.data().length).sum();
        ByteBuffer out = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(SparseSpec.MAGIC).putShort((short) 1).putShort((short) 0);
        out.putShort((short) 28).putShort((short) 12);
        out.putInt(blockSize).putInt(blocks).putInt(chunks.length).putInt(0);
        for (Chunk chunk : chunks) {
            out.putShort((short) chunk.type()).putShort((short) 0);
            out.putInt(chunk.blocks()).putInt(12 + chunk.data().length);
            out.put(chunk.data());
        }
        return Files.write(dir.resolve("image"), out.array());
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    @Test
    void readsEveryKindOfChunk() throws IOException {
        Path path = image(
                512,
                8,
                new Chunk(SparseSpec.DONT_CARE, 1, new byte[0]),
                new Chunk(SparseSpec.FILL, 3, new byte[] {1, 2, 3, 4}),
                new Chunk(SparseSpec.CRC32, 0, new byte[4]),
                new Chunk(SparseSpec.RAW, 0, new byte[0]),
                new Chunk(SparseSpec.RAW, 2, random(1024)),
                new Chunk(SparseSpec.FILL, 2, new byte[] {-1, -1, -1, -1}));
        byte[] expected = new byte[4096];
        for (int i = 512; i < 2048; i++) {
            expected[i] = (byte) (1 + i % 4);
        }
        System.arraycopy(random(1024), 0, expected, 2048, 1024);
        Arrays.fill(expected, 3072, 4096, (byte) -1);
        try (DiskFile disk = DiskImages.open(path, DiskOptions.READ_ONLY)) {
            new DiskModel(disk, expected, 1).run(200, 1, false);
            assertThat(disk.features()).isEmpty();
            assertThatThrownBy(() -> DiskModel.write(disk, 0, new byte[512]))
                    .isInstanceOfSatisfying(
                            OsException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EROFS));
        }
        assertThatThrownBy(() -> DiskImages.open(path, DiskOptions.DEFAULT)).hasMessageContaining("use ro=true");
    }

    @Test
    void refusesWhatContradictsItself() throws IOException {
        Chunk fill = new Chunk(SparseSpec.FILL, 1, new byte[4]);
        check("unknown type", image(512, 1, new Chunk(0xcac9, 1, new byte[0])));
        check("4 belong", image(512, 1, new Chunk(SparseSpec.FILL, 1, new byte[8])));
        check("1024 belong", image(512, 2, new Chunk(SparseSpec.RAW, 2, new byte[512])));
        check("its header says", image(512, 2, fill));
        check("blocks of 100 bytes", image(100, 1, fill));
        check("blocks of 0 bytes", image(0, 1, fill));
        check("ends before byte", cut(image(512, 2, fill, fill), 33));
        check("ends within chunk 1", cut(image(512, 2, fill, new Chunk(SparseSpec.RAW, 1, random(512))), 100));
        check("cut off", cut(image(512, 1, fill), 20));
    }

    private static Path cut(Path path, int size) throws IOException {
        return Files.write(path, Arrays.copyOf(Files.readAllBytes(path), size));
    }

    private static void check(String expected, Path path) {
        assertThatThrownBy(() -> DiskImages.open(path, DiskOptions.READ_ONLY))
                .isInstanceOf(DiskException.class)
                .hasMessageContaining(expected)
                .hasMessageContaining(path.toString());
    }

    @Test
    void damageIsOnlyEverAPromisedException() throws IOException {
        Path path = image(
                512,
                40,
                new Chunk(SparseSpec.DONT_CARE, 10, new byte[0]),
                new Chunk(SparseSpec.FILL, 20, new byte[] {1, 2, 3, 4}),
                new Chunk(SparseSpec.RAW, 10, random(5120)));
        HostileImages.run(path, DiskOptions.READ_ONLY.withFormat(jcrosvm.disk.DiskFormat.ANDROID_SPARSE), 1500, 90, 10);
    }

    /** Fill chunks of a block each, whose words differ from one to the next, or not. */
    private Path fills(String name, int chunks, boolean alike) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(28 + 16 * chunks).order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(SparseSpec.MAGIC).putShort((short) 1).putShort((short) 0);
        out.putShort((short) 28).putShort((short) 12);
        out.putInt(512).putInt(chunks).putInt(chunks).putInt(0);
        for (int i = 0; i < chunks; i++) {
            out.putShort((short) SparseSpec.FILL).putShort((short) 0);
            out.putInt(1).putInt(16).putInt(alike ? 7 : i);
        }
        return Files.write(dir.resolve(name), out.array());
    }

    @Test
    void manyChunksTakeLittleMemory() throws IOException {
        int chunks = 1_000_000;
        try (ImageFile file = ImageFile.open(fills("disk", chunks, false), DiskOptions.READ_ONLY)) {
            SparseDisk disk = new SparseDisk(file);
            assertThat(disk.length()).isEqualTo(512L * chunks);
            assertThat(file.reserved()).isBetween(12L * chunks, 12L * (chunks + 1024));
            Random random = new Random(1);
            for (int i = 0; i < 1000; i++) {
                int block = i == 0 ? 0 : i == 1 ? chunks - 1 : random.nextInt(chunks);
                assertThat(ByteBuffer.wrap(DiskModel.read(disk, 512L * block + 4, 4))
                                .order(ByteOrder.LITTLE_ENDIAN)
                                .getInt())
                        .isEqualTo(block);
            }
        }
        try (ImageFile file = ImageFile.open(fills("disk", chunks, true), DiskOptions.READ_ONLY)) {
            SparseDisk disk = new SparseDisk(file);
            assertThat(disk.length()).isEqualTo(512L * chunks);
            assertThat(file.reserved()).isEqualTo(12 * 1024);
        }
    }

    /** However many images there are, their tables do not fill the heap. */
    @Test
    void tablesOfAllImagesTogetherAreBounded() throws IOException {
        Path path = fills("disk", 3_000_000, false);
        List<DiskFile> open = new ArrayList<>();
        try {
            assertThatThrownBy(() -> {
                        while (open.size() < 100) {
                            open.add(DiskImages.open(path, DiskOptions.READ_ONLY));
                        }
                    })
                    .isInstanceOf(DiskException.class)
                    .hasMessageContaining("a third of the heap");
            assertThat(open.size()).isGreaterThan(1);
        } finally {
            open.forEach(DiskFile::close);
        }
        DiskImages.open(path, DiskOptions.READ_ONLY).close();
    }
}
