package jcrosvm.disk.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.io.DiskExecutor.Outcome;
import jcrosvm.disk.io.DiskRequest.Kind;
import org.junit.jupiter.api.Test;

/** What reaches the disk of the requests that a guest may make up. */
class DiskExecutorTest {
    private static final long SECTORS = 8;

    private final Calls disk = new Calls();
    private final DiskExecutor executor = new DiskExecutor("disk0", disk, false, true);

    /** A disk that tells what it is asked for. */
    private static final class Calls implements DiskFile {
        final List<String> calls = new ArrayList<>();
        final Set<Feature> features = EnumSet.allOf(Feature.class);
        boolean broken;

        private void call(String call) {
            calls.add(call);
            if (broken) {
                throw new OsException(call, Errno.EIO);
            }
        }

        @Override
        public Set<Feature> features() {
            return features;
        }

        @Override
        public long length() {
            return SECTORS * DiskRequest.SECTOR + 100;
        }

        @Override
        public void read(long offset, IoVec into) {
            call("read " + offset);
        }

        @Override
        public void write(long offset, IoVec from) {
            call("write " + offset);
        }

        @Override
        public void flush() {
            call("flush");
        }

        @Override
        public void discard(long offset, long length) {
            call("discard " + offset + " " + length);
        }

        @Override
        public void writeZeroes(long offset, long length, boolean mayUnmap) {
            call("zero " + offset + " " + length + " " + mayUnmap);
        }

        @Override
        public void resize(long length) {
            call("resize " + length);
        }

        @Override
        public void close() {
            call("close");
        }
    }

    /** A request; the ranges are pairs of first sector and count. */
    private record Request(Kind kind, long sector, long length, long... pairs) implements DiskRequest {
        @Override
        public IoVec data() {
            return new IoVec(1);
        }

        @Override
        public int ranges() {
            return pairs.length / 2;
        }

        @Override
        public long rangeSector(int range) {
            return pairs[2 * range];
        }

        @Override
        public long rangeSectors(int range) {
            return pairs[2 * range + 1];
        }

        @Override
        public boolean rangeMayUnmap(int range) {
            return true;
        }
    }

    private Outcome perform(Kind kind, long sector, long length, long... pairs) {
        return executor.perform(new Request(kind, sector, length, pairs));
    }

    @Test
    void requestsReachTheDisk() {
        assertThat(perform(Kind.READ, 1, 512)).isEqualTo(Outcome.DONE);
        assertThat(perform(Kind.WRITE, 0, SECTORS * 512)).isEqualTo(Outcome.DONE);
        assertThat(perform(Kind.FLUSH, 0, 0)).isEqualTo(Outcome.DONE);
        assertThat(perform(Kind.DISCARD, 0, 0, 2, 1, 3, 0, 4, 2)).isEqualTo(Outcome.DONE);
        assertThat(perform(Kind.WRITE_ZEROES, 0, 0, 7, 1)).isEqualTo(Outcome.DONE);
        assertThat(perform(Kind.READ, SECTORS, 0)).isEqualTo(Outcome.DONE);
        assertThat(perform(Kind.OTHER, 0, 0)).isEqualTo(Outcome.UNSUPPORTED);
        assertThat(disk.calls)
                .containsExactly(
                        "read 512", "write 0", "flush", "discard 1024 512", "discard 2048 1024", "zero 3584 512 true");
    }

    @Test
    void nothingOutsideOfWholeSectors() {
        for (Kind kind : List.of(Kind.READ, Kind.WRITE)) {
            assertThat(perform(kind, SECTORS, 512)).isEqualTo(Outcome.FAILED);
            assertThat(perform(kind, -1, 512)).isEqualTo(Outcome.FAILED);
            assertThat(perform(kind, Long.MAX_VALUE, 1 << 30)).isEqualTo(Outcome.FAILED);
            assertThat(perform(kind, 1L << 55, 0)).isEqualTo(Outcome.FAILED);
        }
        for (Kind kind : List.of(Kind.DISCARD, Kind.WRITE_ZEROES)) {
            assertThat(perform(kind, 0, 0, 0, 1, SECTORS - 1, 2)).isEqualTo(Outcome.FAILED);
            assertThat(perform(kind, 0, 0, 0, 1, -1, 1)).isEqualTo(Outcome.FAILED);
        }
        assertThat(disk.calls).isEmpty();
    }

    @Test
    void readOnlyDisksAreNotChanged() {
        DiskExecutor readOnly = new DiskExecutor("disk0", disk, true, true);
        readOnly.writeThrough(true);
        assertThat(readOnly.isWriteThrough()).isFalse();
        assertThat(readOnly.perform(new Request(Kind.WRITE, 0, 512))).isEqualTo(Outcome.FAILED);
        assertThat(readOnly.perform(new Request(Kind.DISCARD, 0, 0, 0, 1))).isEqualTo(Outcome.FAILED);
        assertThat(readOnly.perform(new Request(Kind.WRITE_ZEROES, 0, 0, 0, 1))).isEqualTo(Outcome.FAILED);
        assertThat(readOnly.perform(new Request(Kind.FLUSH, 0, 0))).isEqualTo(Outcome.DONE);
        assertThatThrownBy(() -> readOnly.resize(512)).hasMessageContaining("read-only");
        assertThat(disk.calls).isEmpty();
        disk.features.clear();
        assertThat(new DiskExecutor("disk0", disk, false, true).isReadOnly()).isTrue();
    }

    @Test
    void writesThrough() {
        executor.writeThrough(true);
        perform(Kind.WRITE, 0, 512);
        perform(Kind.WRITE_ZEROES, 0, 0, 0, 1);
        assertThat(disk.calls).containsExactly("write 0", "flush", "zero 0 512 true", "flush");
    }

    @Test
    void errorsOfTheDiskAreOutcomes() {
        disk.broken = true;
        for (Kind kind : List.of(Kind.READ, Kind.WRITE, Kind.FLUSH)) {
            assertThat(perform(kind, 0, kind == Kind.FLUSH ? 0 : 512)).isEqualTo(Outcome.FAILED);
        }
        assertThat(perform(Kind.DISCARD, 0, 0, 0, 1)).isEqualTo(Outcome.FAILED);
        assertThat(perform(Kind.WRITE_ZEROES, 0, 0, 0, 1)).isEqualTo(Outcome.FAILED);
    }

    /** A failed flush is not tried again, a short transfer is done over. */
    @Test
    void takesOverFromTheKernel() {
        assertThat(executor.finish(new Request(Kind.FLUSH, 0, 0), -Errno.EIO)).isEqualTo(Outcome.FAILED);
        assertThat(executor.finish(new Request(Kind.READ, 0, 512), 512)).isEqualTo(Outcome.DONE);
        assertThat(disk.calls).isEmpty();
        assertThat(executor.finish(new Request(Kind.READ, 0, 512), 100)).isEqualTo(Outcome.DONE);
        assertThat(disk.calls).containsExactly("read 0");
    }

    @Test
    void resizes() {
        executor.resize(16 * 512);
        assertThat(executor.sectors()).isEqualTo(16);
        assertThat(perform(Kind.READ, 15, 512)).isEqualTo(Outcome.DONE);
        assertThatThrownBy(() -> executor.resize(513)).hasMessageContaining("multiple of 512");
    }
}
