package jcrosvm.disk.raw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskModel;
import jcrosvm.disk.DiskOptions;
import jcrosvm.unpack.testing.Tool;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** File systems that are full, block devices, and transfers of any length. */
class HostStorageTest {
    @TempDir
    Path dir;

    private static byte[] random(int length, long seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fullFileSystemGivesAnErrorUntilThereIsSpace(boolean zeroes) throws IOException {
        Path mount = Files.createDirectory(dir.resolve("mount"));
        Tool.Result mounted = Tool.tryRun(dir, "mount", "-t", "tmpfs", "-o", "size=1m", "none", mount.toString());
        assumeThat(mounted.code()).as("mounting a tmpfs: " + mounted.output()).isZero();
        try {
            Path path = Files.write(mount.resolve("disk"), new byte[0]);
            try (RawDisk disk = RawDisk.open(path, DiskOptions.DEFAULT)) {
                disk.resize(4 << 20);
                Path ballast = Files.write(mount.resolve("ballast"), new byte[900 << 10]);
                assertThatThrownBy(() -> {
                            if (zeroes) {
                                disk.writeZeroes(0, 1 << 20, false);
                                disk.resize(8 << 20); // writing zeros to a hole needs no space here
                                DiskModel.write(disk, 0, random(1 << 20, 1));
                            } else {
                                DiskModel.write(disk, 0, random(1 << 20, 1));
                            }
                        })
                        .isInstanceOfSatisfying(
                                OsException.class, e -> assertThat(e.errno()).isEqualTo(Errno.ENOSPC));
                Files.delete(ballast);
                DiskModel.write(disk, 0, random(900 << 10, 2));
                assertThat(DiskModel.read(disk, 0, 900 << 10)).isEqualTo(random(900 << 10, 2));
                disk.discard(0, 4 << 20);
                DiskModel.write(disk, 2 << 20, random(900 << 10, 3));
            }
            try (RawDisk disk = RawDisk.open(path, new DiskOptions(false, false, true, false))) {
                long before = disk.length();
                assertThatThrownBy(() -> disk.resize(64 << 20)).isInstanceOf(OsException.class);
                assertThat(disk.length()).isEqualTo(before).isEqualTo(Files.size(path));
            }
        } finally {
            Tool.run(dir, "umount", mount.toString());
        }
    }

    @ParameterizedTest
    @CsvSource({"512, false", "512, true", "4096, false", "4096, true"})
    void blockDevicesAreDisks(int sector, boolean direct) throws IOException {
        byte[] bytes = random(1 << 20, sector);
        Path backing = Files.write(dir.resolve("backing"), bytes);
        Tool.Result loop = Tool.tryRun(dir, "losetup", "-f", "--show", "-b", "" + sector, backing.toString());
        assumeThat(loop.code()).as("making a loop device: " + loop.output()).isZero();
        Path device = Path.of(loop.output().strip());
        try {
            try (RawDisk disk = RawDisk.open(device, new DiskOptions(false, direct, true, true))) {
                assertThat(disk.length()).isEqualTo(bytes.length);
                assertThat(disk.features()).containsExactlyInAnyOrder(DiskFile.Feature.WRITE, DiskFile.Feature.DISCARD);
                if (direct) {
                    assertThat(disk.alignment()).isEqualTo(sector);
                }
                new DiskModel(disk, bytes, sector).run(200, 512, true);
                disk.discard(1000, 100_000);
                DiskModel.write(disk, 0, random(4096, 9));
                assertThat(DiskModel.read(disk, 0, 4096)).isEqualTo(random(4096, 9));
                assertThatThrownBy(() -> disk.resize(2 << 20))
                        .isInstanceOf(DiskException.class)
                        .hasMessageContaining("it is a block device of 1048576 bytes");
                disk.resize(1 << 20);
                disk.flush();
            }
            assertThatThrownBy(() -> ImageFile.create(device)).hasMessageContaining("it is a block device");
        } finally {
            Tool.run(dir, "losetup", "-d", device.toString());
        }
    }

    @Test
    @Tag("long")
    void transfersOfManyPiecesAndOfHugeLength() throws IOException {
        // More than one call of the kernel takes: it stops at 2 GiB less a page.
        Path path = dir.resolve("disk");
        try (ImageFile file = ImageFile.create(path)) {
            file.truncate(5L << 30);
        }
        try (RawDisk disk = RawDisk.open(path, DiskOptions.DEFAULT)) {
            DiskModel.write(disk, (5L << 30) - 4096, random(4096, 1));
            MemorySegment memory = Arena.ofAuto().allocate(8 << 20, 4096);
            IoVec vec = new IoVec(640);
            for (int i = 0; i < 640; i++) {
                vec.add(memory, 0, 8 << 20); // 5 GiB into the same 8 MiB: the last part is what stays
            }
            disk.read(0, vec);
            assertThat(vec.length()).isZero();
            byte[] last = new byte[4096];
            MemorySegment.copy(memory, (8 << 20) - 4096, MemorySegment.ofArray(last), 0, 4096);
            assertThat(last).isEqualTo(random(4096, 1));
        }
    }
}
