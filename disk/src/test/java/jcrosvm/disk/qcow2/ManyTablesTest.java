package jcrosvm.disk.qcow2;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.raw.ImageFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A short file, with holes, can claim tables without end. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class ManyTablesTest {
    private static final int SNAPSHOTS = 10_000;
    private static final int ENTRIES = 4 << 20;

    @TempDir
    Path dir;

    /** @param distance between the L1 tables of its snapshots */
    private Path image(long distance) throws IOException {
        Path path = dir.resolve("disk");
        try (ImageFile file = ImageFile.create(path)) {
            Qcow2Images.create(file, Qcow2Options.ofSize(1 << 20).withClusterSize(512));
        }
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            long table = 1L << 20;
            long first = 16L << 20;
            file.setLength(first + SNAPSHOTS * distance + 8L * ENTRIES);
            ByteBuffer records = ByteBuffer.allocate(40 * SNAPSHOTS);
            for (int i = 0; i < SNAPSHOTS; i++) {
                records.putLong(40 * i, first + i * distance).putInt(40 * i + 8, ENTRIES);
            }
            file.seek(table);
            file.write(records.array());
            file.seek(Qcow2Spec.SNAPSHOTS);
            file.writeInt(SNAPSHOTS);
            file.writeLong(table);
        }
        return path;
    }

    @Test
    void tablesInOnePlaceAreFoundAtOnce() throws IOException {
        Path path = image(0);
        assertThatThrownBy(() -> DiskImages.open(path, DiskOptions.DEFAULT))
                .isInstanceOf(DiskException.class)
                .hasMessageContaining("two tables in one place");
        DiskImages.open(path, DiskOptions.READ_ONLY).close();
        assertThatThrownBy(() -> QemuImg.check(path, false))
                .isInstanceOf(DiskException.class)
                .hasMessageContaining("too many snapshots");
    }

    @Test
    void tablesApartFillTheirBoundAndNotTheHeap() throws IOException {
        Path path = image(8L * ENTRIES);
        assertThatThrownBy(() -> DiskImages.open(path, DiskOptions.DEFAULT))
                .isInstanceOf(DiskException.class)
                .hasMessageContaining("a third of the heap");
        DiskImages.open(path, DiskOptions.READ_ONLY).close();
        assertThatThrownBy(() -> QemuImg.check(path, false))
                .isInstanceOf(DiskException.class)
                .hasMessageContaining("too many snapshots");
    }
}
