package jcrosvm.disk.composite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.disk.Backing;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskFormat;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskModel;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.HostileImages;
import jcrosvm.disk.RefusedWriteException;
import jcrosvm.unpack.testing.Tool;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompositeDiskTest {
    private static final UUID DISK = UUID.fromString("11111111-2222-3333-4444-555555555555");
    private static final UUID ONE = UUID.fromString("01020304-0506-0708-090a-0b0c0d0e0f10");
    private static final UUID TWO = UUID.fromString("aabbccdd-eeff-0011-2233-445566778899");

    @TempDir
    Path dir;

    private Path file(String name, int size) throws IOException {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return Files.write(dir.resolve(name), bytes);
    }

    private Path twoPartitions() throws IOException {
        List<CompositeImages.Partition> partitions = List.of(
                new CompositeImages.Partition("root fs", file("one", 1 << 20), true, ONE, null),
                new CompositeImages.Partition("däta", file("two", 700_000), false, TWO, null));
        Path path = dir.resolve("disk");
        CompositeImages.create(path, DISK, partitions, Backing.OWN_FOLDER);
        return path;
    }

    /** Copies the disk into a plain file, for tools that know no composite disks. */
    private Path flat(Path path) throws IOException {
        try (DiskFile disk = DiskImages.open(path, DiskOptions.READ_ONLY)) {
            assertThat(disk).isInstanceOf(CompositeDisk.class);
            return Files.write(dir.resolve("flat"), DiskModel.read(disk, 0, (int) disk.length()));
        }
    }

    @Test
    void sfdiskFindsThePartitions() throws IOException {
        Tool.require("sfdisk");
        Path flat = flat(twoPartitions());
        assertThat(Files.size(flat) % 65536).isZero();
        assertThat(Tool.run(dir, "sfdisk", "--verify", flat.toString())).contains("No errors detected");
        assertThat(Tool.run(dir, "sfdisk", "-d", flat.toString()))
                .contains("label: gpt", "label-id: 11111111-2222-3333-4444-555555555555")
                .contains("first-lba: 40")
                .containsPattern("start= *40, size= *2048, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4,"
                        + " uuid=01020304-0506-0708-090A-0B0C0D0E0F10, name=\"root fs\"")
                .containsPattern("start= *2088, size= *1368, .*uuid=AABBCCDD-EEFF-0011-2233-445566778899");
    }

    @Test
    void sgdiskFindsNothingWrong() throws IOException {
        Tool.require("sgdisk");
        Path flat = flat(twoPartitions());
        assertThat(Tool.run(dir, "sgdisk", "-v", flat.toString())).contains("No problems found");
        assertThat(Tool.run(dir, "sgdisk", "-i", "1", flat.toString()))
                .contains("(Linux filesystem)", "01020304-0506-0708-090A-0B0C0D0E0F10", "'root fs'");
        byte[] bytes = Files.readAllBytes(flat);
        Arrays.fill(bytes, 512, 20480, (byte) 0); // the backup alone must do
        Files.write(flat, bytes);
        assertThat(Tool.tryRun(dir, "sgdisk", "-p", flat.toString()).output())
                .contains("Backup header: OK", "Backup partition table: OK", "root fs");
    }

    @Test
    void partitionsReadAndWriteTheirImages() throws IOException {
        Path path = twoPartitions();
        try (DiskFile disk = DiskImages.open(path, DiskOptions.DEFAULT)) {
            assertThat(disk.features()).containsExactlyInAnyOrder(DiskFile.Feature.WRITE, DiskFile.Feature.DISCARD);
            assertThat(DiskModel.read(disk, 20480, 1 << 20)).isEqualTo(Files.readAllBytes(dir.resolve("one")));
            int second = 20480 + (1 << 20);
            byte[] two = Arrays.copyOf(Files.readAllBytes(dir.resolve("two")), 700_416);
            assertThat(DiskModel.read(disk, second, two.length)).isEqualTo(two);
            DiskModel.write(disk, 20480 + 512, new byte[1024]);
            disk.flush();
            assertThat(Arrays.copyOfRange(Files.readAllBytes(dir.resolve("one")), 512, 1536))
                    .isEqualTo(new byte[1024]);
            assertThatThrownBy(() -> DiskModel.write(disk, second - 512, new byte[1024]))
                    .isInstanceOfSatisfying(
                            OsException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EROFS));
            assertThatThrownBy(() -> disk.writeZeroes(0, 512, true)).isInstanceOf(OsException.class);
            disk.discard(0, disk.length());
            assertThat(DiskModel.read(disk, 20480, 1 << 20)).isEqualTo(new byte[1 << 20]);
            assertThat(DiskModel.read(disk, second, two.length)).isEqualTo(two);
            assertThatThrownBy(() -> disk.resize(1 << 24)).isInstanceOf(DiskException.class);
            // Its parts are locked as well.
            assertThatThrownBy(() -> DiskImages.open(dir.resolve("one"), DiskOptions.READ_ONLY))
                    .hasMessageContaining("in use");
        }
    }

    private Path list(CompositeSpec spec) throws IOException {
        return Files.write(dir.resolve("list"), spec.toBytes());
    }

    @Test
    void equalsAnArrayOfBytes() throws IOException {
        file("a", 100_000);
        file("b", 300_000);
        // One image twice, parts out of order, a boundary within a sector.
        Path path = list(new CompositeSpec(
                2,
                new ArrayList<>(List.of(
                        new CompositeSpec.Part("b", 100_000, true, 4096),
                        new CompositeSpec.Part("a", 0, true, 0),
                        new CompositeSpec.Part(dir.resolve("b").toString(), 260_000, true, 200_000))),
                270_336));
        try (DiskFile disk = DiskImages.open(path, DiskOptions.DEFAULT)) {
            byte[] bytes = DiskModel.read(disk, 0, 270_336);
            assertThat(bytes).startsWith(Files.readAllBytes(dir.resolve("a")));
            new DiskModel(disk, bytes, 5).run(400, 1, true);
        }
    }

    /** What a guest can make of its raw disk: a list with a path of the host's, as long as the disk was. */
    @Test
    void aGuestsListReachesNothingOutsideOfItsFolder() throws IOException {
        file("secret", 4096);
        Path vm = Files.createDirectory(dir.resolve("vm"));
        byte[] list = new CompositeSpec(
                        2, List.of(new CompositeSpec.Part(dir.resolve("secret").toString(), 0, true, 0)), 4096)
                .toBytes();
        ByteArrayOutputStream padded = new ByteArrayOutputStream();
        padded.writeBytes(list);
        padded.writeBytes(new Protobuf.Writer()
                .bytes(99, new byte[(1 << 20) - list.length - 5])
                .toBytes());
        assertThat(padded.size()).isEqualTo(1 << 20);
        Path disk = Files.write(vm.resolve("disk.raw"), new byte[1 << 20]);
        try (DiskFile raw = DiskImages.open(disk, DiskOptions.DEFAULT)) {
            assertThatThrownBy(() -> DiskModel.write(raw, 0, padded.toByteArray()))
                    .isInstanceOf(RefusedWriteException.class);
        }
        Files.write(disk, padded.toByteArray());
        assertThatThrownBy(() -> DiskImages.open(disk, DiskOptions.DEFAULT))
                .isInstanceOf(DiskException.class)
                .hasMessageContainingAll("secret", "its own folder " + vm, "format=composite", "backing=any");
        for (DiskOptions options : List.of(
                DiskOptions.DEFAULT.withFormat(DiskFormat.COMPOSITE), DiskOptions.DEFAULT.withBacking(Backing.ANY))) {
            try (DiskFile composite = DiskImages.open(disk, options)) {
                assertThat(composite.length()).isEqualTo(4096);
            }
        }
    }

    @Test
    void partsAreGuardedUnlessTheirFormatIsGiven() throws IOException {
        file("a", 4096);
        file("b", 4096);
        byte[] magic = {'Q', 'F', 'I', (byte) 0xfb};
        // Sectors of the disk begin and end within the magic number.
        Path path = list(new CompositeSpec(
                2,
                List.of(
                        new CompositeSpec.Part("a", 0, true, 2),
                        new CompositeSpec.Part("a", 512, true, 0),
                        new CompositeSpec.Part("b", 1024, true, 0, DiskFormat.RAW)),
                1536));
        try (DiskFile disk = DiskImages.open(path, DiskOptions.DEFAULT)) {
            DiskModel.write(disk, 0, Arrays.copyOfRange(magic, 2, 4));
            assertThatThrownBy(() -> DiskModel.write(disk, 512, Arrays.copyOf(magic, 2)))
                    .isInstanceOf(RefusedWriteException.class);
            assertThatThrownBy(() -> DiskModel.write(disk, 512, magic)).isInstanceOf(RefusedWriteException.class);
            DiskModel.write(disk, 1024, magic);
        }
        assertThat(Files.readAllBytes(dir.resolve("b"))).startsWith(magic);
        // And the list goes on saying what it is.
        try (DiskFile disk = DiskImages.open(path, DiskOptions.DEFAULT)) {
            assertThat(DiskModel.read(disk, 1024, 4)).isEqualTo(magic);
        }
    }

    @Test
    void refusesWhatContradictsItself() throws IOException {
        file("a", 8192);
        CompositeSpec.Part a = new CompositeSpec.Part("a", 0, false, 0);
        check("no part begins at byte 0", new CompositeSpec(2, List.of(), 512));
        check("no part begins at byte 0", new CompositeSpec(2, List.of(new CompositeSpec.Part("a", 1, false, 0)), 512));
        check("two parts begin at byte 0", new CompositeSpec(2, List.of(a, a), 512));
        check("the last part begins at byte 0", new CompositeSpec(2, List.of(a), 0));
        check("not a multiple of 512", new CompositeSpec(2, List.of(a), 700));
        check("has 8192 bytes, but 16384", new CompositeSpec(2, List.of(a), 16384));
        check("has 8192 bytes", new CompositeSpec(2, List.of(new CompositeSpec.Part("a", 0, false, 4608)), 4096));
        check("its version is 3", new CompositeSpec(3, List.of(a), 512));
        check("ENOENT", new CompositeSpec(2, List.of(new CompositeSpec.Part("none", 0, false, 0)), 512));
        check(
                "two formats",
                new CompositeSpec(2, List.of(a, new CompositeSpec.Part("a", 512, false, 0, DiskFormat.RAW)), 1024));
        check("begins beyond", new CompositeSpec(2, List.of(new CompositeSpec.Part("a", -1, false, 0)), 512));
        check("form a loop", new CompositeSpec(2, List.of(new CompositeSpec.Part("list", 0, false, 0)), 512));
    }

    private void check(String expected, CompositeSpec spec) throws IOException {
        Path path = list(spec);
        assertThatThrownBy(() -> DiskImages.open(path, DiskOptions.READ_ONLY))
                .isInstanceOf(jcrosvm.base.VmmException.class)
                .hasMessageContaining(expected);
    }

    @Test
    void refusesPartitionsThatCannotBe() throws IOException {
        Path odd = file("odd", 5000);
        Path empty = file("empty", 0);
        check("must have a multiple of 4096", partition("a", odd, true));
        check("is empty", partition("a", empty, false));
        check("must have 1 to 36", partition("x".repeat(37), odd, false));
        check("label 'a'", partition("a", odd, false), partition("a", odd, false));
        check("ENOENT", partition("a", dir.resolve("none"), false));
        check("1 to 128 partitions");
    }

    private static CompositeImages.Partition partition(String label, Path image, boolean writable) {
        return new CompositeImages.Partition(label, image, writable, UUID.randomUUID(), null);
    }

    private void check(String expected, CompositeImages.Partition... partitions) {
        assertThatThrownBy(() ->
                        CompositeImages.create(dir.resolve("disk"), DISK, List.of(partitions), Backing.OWN_FOLDER))
                .isInstanceOf(jcrosvm.base.VmmException.class)
                .hasMessageContaining(expected);
        assertThat(dir.resolve("disk")).doesNotExist();
    }

    @Test
    void unknownFieldsAreSkipped() {
        CompositeSpec spec = new CompositeSpec(1, List.of(new CompositeSpec.Part("a", 0, true, 7)), 1024);
        byte[] bytes = spec.toBytes();
        byte[] extra = {
            0x38,
            5, // field 7, a number
            0x42,
            2,
            1,
            2, // field 8, bytes
            0x49,
            1,
            2,
            3,
            4,
            5,
            6,
            7,
            8, // field 9, 64 bits
            0x55,
            1,
            2,
            3,
            4 // field 10, 32 bits
        };
        byte[] all = Arrays.copyOf(bytes, bytes.length + extra.length);
        System.arraycopy(extra, 0, all, bytes.length, extra.length);
        assertThat(CompositeSpec.parse(all)).isEqualTo(spec).isEqualTo(CompositeSpec.parse(bytes));
    }

    @Test
    void damageIsOnlyEverAPromisedException() throws IOException {
        Path path = twoPartitions();
        HostileImages.run(path, DiskOptions.READ_ONLY.withFormat(DiskFormat.COMPOSITE), 600, 60, 60);
    }
}
