package jcrosvm.disk.raw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.FileStatus;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskModel;
import jcrosvm.disk.DiskOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RawDiskTest {
    private static final DiskOptions DIRECT = new DiskOptions(false, true, true, true);

    @TempDir
    Path dir;

    private Path file(byte[] content) throws IOException {
        return Files.write(dir.resolve("disk"), content);
    }

    private static byte[] random(int length, long seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private static RawDisk openDirect(Path path) {
        try {
            return RawDisk.open(path, DIRECT);
        } catch (DiskException e) {
            assumeThat(e.getMessage()).as("direct I/O on this file system").doesNotContain("has no direct I/O");
            throw e;
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "2, 512", "3, 4096", "4, 1", "5, 512"})
    void equalsAnArrayOfBytes(long seed, int unit) throws IOException {
        byte[] bytes = random(1 << 20, seed);
        Path path = file(bytes);
        try (RawDisk disk = RawDisk.open(path, new DiskOptions(false, false, true, seed % 2 == 0))) {
            assertThat(disk.length()).isEqualTo(bytes.length);
            new DiskModel(disk, bytes, seed).run(400, unit, true);
        }
        assertThat(Files.readAllBytes(path)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "2, 512", "3, 4096", "4, 1", "5, 512"})
    void equalsAnArrayOfBytesWithoutThePageCache(long seed, int unit) throws IOException {
        byte[] bytes = random(1 << 20, seed);
        Path path = file(bytes);
        try (RawDisk disk = openDirect(path)) {
            assertThat(disk.alignment()).isBetween(512, 65536);
            new DiskModel(disk, bytes, seed).run(300, unit, true);
        }
        assertThat(Files.readAllBytes(path)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void lastPartOfASectorIsPaddedAndGrowsWhenWritten(boolean direct) throws IOException {
        byte[] bytes = random(3 * 4096 + 700, 7);
        Path path = file(bytes);
        byte[] padded = Arrays.copyOf(bytes, 3 * 4096 + 1024);
        try (RawDisk disk = direct ? openDirect(path) : RawDisk.open(path, DiskOptions.DEFAULT)) {
            assertThat(disk.length()).isEqualTo(padded.length);
            assertThat(disk.plainFile()).isNull();
            assertThat(DiskModel.read(disk, 0, padded.length)).isEqualTo(padded);
            assertThat(DiskModel.read(disk, padded.length - 512, 512))
                    .isEqualTo(Arrays.copyOfRange(padded, padded.length - 512, padded.length));
            disk.writeZeroes(padded.length - 512, 512, true);
            assertThat(Files.size(path)).isEqualTo(bytes.length);
            byte[] last = random(512, 8);
            DiskModel.write(disk, padded.length - 512, last);
            System.arraycopy(last, 0, padded, padded.length - 512, 512);
            assertThat(DiskModel.read(disk, 0, padded.length)).isEqualTo(padded);
        }
        assertThat(Files.readAllBytes(path)).isEqualTo(padded);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 511})
    void fileSmallerThanASector(int size) throws IOException {
        try (RawDisk disk = RawDisk.open(file(random(size, 1)), DiskOptions.READ_ONLY)) {
            assertThat(disk.length()).isEqualTo(size == 0 ? 0 : 512);
            assertThat(DiskModel.read(disk, 0, (int) disk.length())).startsWith(random(size, 1));
        }
    }

    @Test
    void requestOfNothingAndRequestsOutside() throws IOException {
        try (RawDisk disk = RawDisk.open(file(new byte[8192]), DiskOptions.DEFAULT)) {
            DiskModel.read(disk, 8192, 0);
            DiskModel.write(disk, 8192, new byte[0]);
            disk.discard(8192, 0);
            disk.writeZeroes(0, 0, false);
            for (long offset : new long[] {-1, 8192, 8191, Long.MAX_VALUE, Long.MIN_VALUE}) {
                assertThatThrownBy(() -> DiskModel.read(disk, offset, 2)).isInstanceOf(IllegalArgumentException.class);
                assertThatThrownBy(() -> DiskModel.write(disk, offset, new byte[2]))
                        .isInstanceOf(IllegalArgumentException.class);
                assertThatThrownBy(() -> disk.discard(offset, Long.MAX_VALUE))
                        .isInstanceOf(IllegalArgumentException.class);
                assertThatThrownBy(() -> disk.writeZeroes(offset, 2, true))
                        .isInstanceOf(IllegalArgumentException.class);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void fileThatShrinksUnderneathGivesIoErrors(boolean direct) throws IOException {
        Path path = file(random(1 << 20, 3));
        try (RawDisk disk = direct ? openDirect(path) : RawDisk.open(path, DiskOptions.DEFAULT)) {
            try (Fd other = Fd.open(path, Fd.O_RDWR)) {
                other.truncate(5000);
            }
            for (long offset : new long[] {0, 4096, 4608, 512 << 10}) {
                assertThatThrownBy(() -> DiskModel.read(disk, offset, 64 << 10))
                        .isInstanceOfSatisfying(
                                OsException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EIO));
            }
            assertThat(DiskModel.read(disk, 0, 4096)).isEqualTo(Arrays.copyOf(random(1 << 20, 3), 4096));
            DiskModel.write(disk, 1 << 19, random(4096, 9)); // it goes on, and brings its end back
            assertThat(DiskModel.read(disk, 1 << 19, 4096)).isEqualTo(random(4096, 9));
        }
    }

    @Test
    void discardGivesSpaceBackUnlessNotSparse() throws IOException {
        Path path = file(random(1 << 20, 4));
        try (RawDisk disk = RawDisk.open(path, new DiskOptions(false, false, true, false))) {
            assertThat(disk.features()).containsExactlyInAnyOrder(DiskFile.Feature.WRITE, DiskFile.Feature.RESIZE);
            disk.discard(0, 1 << 20);
            disk.flush();
            assertThat(FileStatus.of(disk.file().fd()).allocated()).isGreaterThanOrEqualTo(1 << 20);
        }
        try (RawDisk disk = RawDisk.open(path, DiskOptions.DEFAULT)) {
            assertThat(disk.features()).contains(DiskFile.Feature.DISCARD);
            disk.discard(0, 1 << 20);
            disk.flush();
            assertThat(FileStatus.of(disk.file().fd()).allocated()).isLessThan(1 << 19);
            assertThat(DiskModel.read(disk, 0, 1 << 20)).isEqualTo(new byte[1 << 20]);
            assertThat(Files.size(path)).isEqualTo(1 << 20);
        }
    }

    @Test
    void resizes() throws IOException {
        Path path = file(random(8192, 4));
        try (RawDisk disk = RawDisk.open(path, DiskOptions.DEFAULT)) {
            disk.resize(1 << 20);
            assertThat(disk.length()).isEqualTo(1 << 20).isEqualTo(Files.size(path));
            assertThat(FileStatus.of(disk.file().fd()).allocated()).isLessThan(1 << 19);
            assertThat(DiskModel.read(disk, 8192, 4096)).isEqualTo(new byte[4096]);
            disk.resize(4096);
            assertThatThrownBy(() -> DiskModel.read(disk, 4096, 1)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> disk.resize(1000)).hasMessageContaining("not a multiple of 512");
            assertThatThrownBy(() -> disk.resize(-512)).isInstanceOf(DiskException.class);
        }
        try (RawDisk disk = RawDisk.open(path, new DiskOptions(false, false, true, false))) {
            disk.resize(1 << 20);
            assertThat(FileStatus.of(disk.file().fd()).allocated()).isGreaterThanOrEqualTo(1 << 20);
        }
        try (RawDisk disk = RawDisk.open(path, DiskOptions.READ_ONLY)) {
            assertThat(disk.features()).isEmpty();
            assertThatThrownBy(() -> disk.resize(0)).hasMessageContaining("open for reading only");
        }
    }

    @Test
    void whatIsNoFileIsRefused() {
        assertThatThrownBy(() -> RawDisk.open(dir.resolve("none"), DiskOptions.DEFAULT))
                .hasMessageContaining("cannot open " + dir.resolve("none"))
                .hasMessageContaining("ENOENT");
        assertThatThrownBy(() -> RawDisk.open(dir, DiskOptions.READ_ONLY)).hasMessageContaining("it is a directory");
        assertThatThrownBy(() -> RawDisk.open(Path.of("/dev/zero"), DiskOptions.READ_ONLY))
                .hasMessageContaining("a regular file or a block device");
    }

    @Test
    void fifoDoesNotBlock() throws Exception {
        Path fifo = dir.resolve("fifo");
        assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor())
                .isZero();
        assertThatThrownBy(() -> RawDisk.open(fifo, DiskOptions.READ_ONLY))
                .hasMessageContaining("a regular file or a block device");
    }

    @Test
    void inheritedDescriptorsAreTaken() throws IOException {
        Path path = file(random(4096, 5));
        try (Fd given = Fd.open(path, Fd.O_RDWR);
                Fd reader = Fd.open(path, Fd.O_RDONLY)) {
            Files.delete(path); // cannot be opened by name again
            Path name = Path.of("/proc/self/fd/" + given.number());
            try (RawDisk disk = RawDisk.open(name, DiskOptions.DEFAULT)) {
                DiskModel.write(disk, 0, new byte[512]);
            }
            assertThat(given.isOpen()).isTrue();
            // The locks went with the disk, although the open file lives on.
            RawDisk.open(Path.of("/proc/self/fd/" + reader.number()), DiskOptions.READ_ONLY)
                    .close();
            assertThatThrownBy(() -> RawDisk.open(Path.of("/proc/self/fd/" + reader.number()), DiskOptions.DEFAULT))
                    .hasMessageContaining("reading only; use ro=true");
        }
        assertThatThrownBy(() -> RawDisk.open(Path.of("/proc/self/fd/998877"), DiskOptions.DEFAULT))
                .hasMessageContaining("cannot open /proc/self/fd/998877")
                .hasMessageContaining("EBADF");
    }
}
