package jcrosvm.disk.qcow2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import jcrosvm.base.OsException;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskOptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Images that are damaged, hostile, or ask for what is not there. */
class HostileImageTest {
    private static final int SIZE = 400_000;

    @TempDir(factory = MemoryFolder.class)
    Path folder;

    private final IoVec list = new IoVec(1);
    private final MemorySegment memory = Arena.ofAuto().allocate(20_000, 4096);

    private byte[] image(int version, int clusterSize, boolean written) throws IOException {
        Qcow2Options options = new Qcow2Options(SIZE, version, clusterSize, 16, false, null, null);
        Path path = TestDisk.create(folder.resolve("seed.qcow2"), options);
        if (written) {
            try (TestDisk disk = new TestDisk(path, new byte[SIZE])) {
                Random random = new Random(5);
                for (int i = 0; i < 40; i++) {
                    disk.step(random, clusterSize);
                }
            }
        }
        return Files.readAllBytes(path);
    }

    private void expect(byte[] bytes, String... parts) throws IOException {
        Path path = folder.resolve("bad.qcow2");
        Files.write(path, bytes);
        assertThatThrownBy(() -> TestDisk.open(path, true))
                .isInstanceOf(DiskException.class)
                .hasMessageContainingAll(parts)
                .hasMessageNotContaining("\n");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "4|4|4|version 4",
                "20|4|8|clusters of 2^8",
                "20|4|22|clusters of 2^22",
                "32|4|1|AES encryption",
                "32|4|2|LUKS encryption",
                "24|8|-1|disk that claims",
                "36|4|33554432|L1 table",
                "36|4|0|needs 1",
                "40|8|3|L1 table",
                "40|8|1099511627776|not within",
                "48|8|0|refcount table",
                "56|4|2147483647|refcount table",
                "60|4|-1|snapshots",
                "60|4|65536|snapshot table",
                "72|8|4|external data file",
                "72|8|16|extended L2",
                "72|8|8796093022208|incompatible feature bit 43",
                "96|4|7|refcounts of 2^7",
                "100|4|4096|header",
                "8|8|70000|backing file",
            })
    void fields(int position, int width, long value, String expected) throws IOException {
        byte[] bytes = image(3, 65536, false);
        ByteBuffer b = ByteBuffer.wrap(bytes);
        if (width == 4) {
            b.putInt(position, (int) value);
        } else {
            b.putLong(position, value);
        }
        if (expected.equals("header")) {
            b.putInt(position, 100_000);
        }
        expect(bytes, "bad.qcow2", expected);
    }

    @Test
    void unknownFeaturesAreNamed() throws IOException {
        byte[] bytes = image(3, 65536, false);
        ByteBuffer b = ByteBuffer.wrap(bytes);
        b.putLong(72, 1L << 43);
        b.putInt(112, Qcow2Spec.EXTENSION_FEATURE_NAMES).putInt(116, 48);
        b.put(120, (byte) 0).put(121, (byte) 43);
        b.put(122, "time travel".getBytes(StandardCharsets.US_ASCII));
        expect(bytes, "time travel");
    }

    @Test
    void backingFormatMustBeSaid() throws IOException {
        byte[] bytes = image(3, 65536, false);
        ByteBuffer b = ByteBuffer.wrap(bytes);
        b.putLong(8, 512).putInt(16, 8).put(512, "base.raw".getBytes(StandardCharsets.US_ASCII));
        expect(bytes, "format of its backing file base.raw", "qemu-img rebase");
    }

    @Test
    void onlyFilesBack() {
        Qcow2Options options = Qcow2Options.ofSize(SIZE).withBacking("nbd:localhost:10809", "raw");
        Path path = TestDisk.create(folder.resolve("n.qcow2"), options);
        assertThatThrownBy(() -> TestDisk.open(path, true))
                .isInstanceOf(DiskException.class)
                .hasMessageContaining("not a path");
    }

    @Test
    void loops() {
        Path a = TestDisk.create(
                folder.resolve("a.qcow2"), Qcow2Options.ofSize(SIZE).withBacking("b.qcow2", "qcow2"));
        TestDisk.create(folder.resolve("b.qcow2"), Qcow2Options.ofSize(SIZE).withBacking("./a.qcow2", "qcow2"));
        for (boolean readOnly : new boolean[] {true, false}) {
            assertThatThrownBy(() -> TestDisk.open(a, readOnly))
                    .isInstanceOf(DiskException.class)
                    .hasMessageContaining("loop");
        }
    }

    @Test
    void deepChains() {
        Path last = TestDisk.create(folder.resolve("0.qcow2"), Qcow2Options.ofSize(SIZE));
        for (int i = 1; i < 12; i++) {
            last = TestDisk.create(
                    folder.resolve(i + ".qcow2"), Qcow2Options.ofSize(SIZE).withBacking((i - 1) + ".qcow2", "qcow2"));
        }
        Path top = last;
        assertThatThrownBy(() -> TestDisk.open(top, true))
                .isInstanceOf(DiskException.class)
                .hasMessageContaining("10");
        TestDisk.open(folder.resolve("9.qcow2"), true).close();
    }

    @Test
    void corruptImagesAreOnlyRead() throws IOException {
        byte[] bytes = image(3, 65536, true);
        ByteBuffer.wrap(bytes).putLong(72, Qcow2Spec.INCOMPATIBLE_CORRUPT);
        Path path = folder.resolve("c.qcow2");
        Files.write(path, bytes);
        TestDisk.open(path, true).close();
        assertThatThrownBy(() -> TestDisk.open(path, false))
                .isInstanceOf(DiskException.class)
                .hasMessageContaining("marked as corrupt");
    }

    /** Data that lies on tables: written to by a guest, it would become tables of the guest's choice. */
    @Test
    void dataOnTablesIsNotWritten() throws IOException {
        byte[] bytes = image(3, 65536, true);
        ByteBuffer b = ByteBuffer.wrap(bytes);
        int l1 = (int) b.getLong(40);
        int l2 = (int) (b.getLong(l1) & Qcow2Spec.OFFSET);
        b.putLong(l2, l1 | Qcow2Spec.COPIED);
        Path path = folder.resolve("o.qcow2");
        Files.write(path, bytes);
        try (Qcow2Disk disk = TestDisk.open(path, false)) {
            assertThatThrownBy(() -> disk.write(0, part(512)))
                    .isInstanceOf(DiskException.class)
                    .hasMessageContaining("tables share");
            assertThatThrownBy(() -> disk.write(SIZE / 2, part(512)))
                    .isInstanceOf(DiskException.class)
                    .hasMessageContaining("corrupt");
            disk.read(100_000, part(512));
        }
        assertThat(ByteBuffer.wrap(Files.readAllBytes(path)).getLong(72)).isEqualTo(Qcow2Spec.INCOMPATIBLE_CORRUPT);
    }

    /** Tables whose own clusters are counted as free must not be handed out. */
    @Test
    void freeTablesAreNotHandedOut() throws IOException {
        byte[] bytes = image(3, 65536, false);
        ByteBuffer b = ByteBuffer.wrap(bytes);
        int block = (int) b.getLong((int) b.getLong(48));
        for (int i = 0; i < 8; i++) {
            b.putShort(block + 2 * i, (short) 0);
        }
        Path path = folder.resolve("f.qcow2");
        Files.write(path, bytes);
        try (Qcow2Disk disk = TestDisk.open(path, false)) {
            assertThatThrownBy(() -> disk.write(0, part(512)))
                    .isInstanceOf(DiskException.class)
                    .hasMessageContaining("counted as free");
        }
    }

    private IoVec part(int length) {
        list.clear();
        list.add(memory, 0, length);
        return list;
    }

    @ParameterizedTest
    @CsvSource({"3, 512, 80", "3, 4096, 80", "2, 1024, 80", "3, 65536, 30"})
    void flippedBytes(int version, int clusterSize, int rounds) throws IOException {
        flip(version, clusterSize, rounds, 1);
    }

    @ParameterizedTest
    @CsvSource({"3, 512, 20000", "3, 4096, 10000", "2, 1024, 10000", "3, 65536, 2000"})
    @Tag("long")
    void manyFlippedBytes(int version, int clusterSize, int rounds) throws IOException {
        flip(version, clusterSize, rounds, 2);
    }

    /** Where tables begin, since most bytes of an image are data and harmless. */
    private static List<Integer> tables(byte[] image, int clusterSize) {
        ByteBuffer b = ByteBuffer.wrap(image);
        List<Integer> tables = new ArrayList<>(List.of(0));
        int refcounts = (int) b.getLong(48);
        tables.add(refcounts);
        tables.add((int) b.getLong(refcounts));
        int l1 = (int) b.getLong(40);
        tables.add(l1);
        for (int i = 0; i < b.getInt(36); i++) {
            int l2 = (int) (b.getLong(l1 + 8 * i) & Qcow2Spec.OFFSET);
            if (l2 != 0) {
                tables.add(l2);
            }
        }
        return tables;
    }

    private void flip(int version, int clusterSize, int rounds, long seed) throws IOException {
        byte[] good = image(version, clusterSize, true);
        List<Integer> tables = tables(good, clusterSize);
        Path path = folder.resolve("flipped.qcow2");
        Random random = new Random(seed);
        int opened = 0;
        for (int round = 0; round < rounds; round++) {
            byte[] bytes = good.clone();
            for (int i = random.nextInt(4); i >= 0; i--) {
                int table = tables.get(random.nextInt(tables.size()));
                int span = table == 0 ? 112 : Math.min(clusterSize, random.nextBoolean() ? 64 : 4096);
                int at = Math.min(bytes.length - 8, table + random.nextInt(span));
                switch (random.nextInt(4)) {
                    case 0 -> bytes[at] = (byte) random.nextInt();
                    case 1 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
                    case 2 ->
                        ByteBuffer.wrap(bytes)
                                .putLong(
                                        at & -8,
                                        random.nextInt(bytes.length) & -clusterSize
                                                | (random.nextBoolean() ? Qcow2Spec.COPIED : 0));
                    default -> ByteBuffer.wrap(bytes).putLong(at & -8, random.nextLong());
                }
            }
            if (random.nextInt(20) == 0) {
                bytes = java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length));
            }
            Files.write(path, bytes);
            try {
                opened += use(path, random) ? 1 : 0;
            } catch (RuntimeException | Error e) {
                throw new AssertionError("round " + round, e);
            }
        }
        assertThat(opened).isPositive();
    }

    /** Uses an image in every way; it may refuse, in its own words. */
    private boolean use(Path path, Random random) {
        attempt(() -> QemuImg.check(path, false));
        DiskOptions options = random.nextInt(3) == 0 ? DiskOptions.READ_ONLY : DiskOptions.DEFAULT;
        Qcow2Disk[] opened = new Qcow2Disk[1];
        attempt(() -> opened[0] = (Qcow2Disk) DiskImages.open(path, options.withFormat(jcrosvm.disk.DiskFormat.QCOW2)));
        Qcow2Disk disk = opened[0];
        if (disk == null) {
            return false;
        }
        long length = disk.length();
        for (int i = 0; i < 12 && length > 0; i++) {
            long offset = random.nextBoolean() ? random.nextLong(Math.min(length, SIZE)) : random.nextLong(length);
            int n = (int) Math.min(length - offset, 1 + random.nextInt(20_000));
            int what = random.nextInt(options.readOnly() ? 1 : 6);
            attempt(() -> {
                switch (what) {
                    case 0 -> disk.read(offset, part(n));
                    case 1, 2 -> disk.write(offset, part(n));
                    case 3 -> disk.discard(offset, n);
                    case 4 -> disk.writeZeroes(offset, n, random.nextBoolean());
                    default -> disk.flush();
                }
            });
        }
        if (!options.readOnly() && random.nextInt(4) == 0) {
            attempt(() -> disk.resize(random.nextInt(2 * SIZE)));
        }
        attempt(disk::close);
        return true;
    }

    private static void attempt(Runnable action) {
        try {
            action.run();
        } catch (DiskException | OsException e) {
            assertThat(e.getMessage()).doesNotContain("\n");
        }
    }
}
