package jcrosvm.disk.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import jcrosvm.base.io.IoVec;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskFormat;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.raw.ImageFile;

/** A disk and the bytes that it should have. */
final class TestDisk implements AutoCloseable {
    final Path path;
    final Qcow2Disk disk;
    byte[] model;
    private final MemorySegment memory = Arena.ofAuto().allocate(8 << 20, 4096);
    private final IoVec list = new IoVec(16);

    TestDisk(Path path, byte[] model) {
        this.path = path;
        this.disk = open(path, false);
        this.model = model;
        assertThat(disk.length()).isEqualTo(model.length);
    }

    static Qcow2Disk open(Path path, boolean readOnly) {
        DiskOptions options = readOnly ? DiskOptions.READ_ONLY : DiskOptions.DEFAULT;
        return (Qcow2Disk) DiskImages.open(path, options.withFormat(DiskFormat.QCOW2));
    }

    static Path create(Path path, Qcow2Options options) {
        try {
            Files.write(path, new byte[0]);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        try (ImageFile file = ImageFile.open(path, DiskOptions.DEFAULT)) {
            Qcow2Images.create(file, options);
        }
        return path;
    }

    /** All of a disk. */
    static byte[] content(DiskFile disk) {
        int length = (int) disk.length();
        byte[] bytes = new byte[length];
        MemorySegment memory = Arena.ofAuto().allocate(1 << 20, 4096);
        IoVec list = new IoVec(1);
        for (int at = 0; at < length; ) {
            int n = Math.min(length - at, 1 << 20);
            list.clear();
            list.add(memory, 0, n);
            disk.read(at, list);
            MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, 0, bytes, at, n);
            at += n;
        }
        return bytes;
    }

    /** A list over the first bytes of the memory, in several pieces. */
    private IoVec pieces(int length) {
        list.clear();
        int at = 0;
        for (int i = 0; i < 7 && at < length; i++) {
            int n = Math.min(length - at, Math.max(1, length / 5));
            list.add(memory, at, n);
            at += n;
        }
        if (at < length) {
            list.add(memory, at, length - at);
        }
        return list;
    }

    void write(int offset, byte[] bytes) {
        MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
        disk.write(offset, pieces(bytes.length));
        System.arraycopy(bytes, 0, model, offset, bytes.length);
    }

    byte[] read(int offset, int length) {
        memory.asSlice(0, length).fill((byte) 0x55);
        disk.read(offset, pieces(length));
        byte[] bytes = new byte[length];
        MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, 0, bytes, 0, length);
        return bytes;
    }

    void check(int offset, int length) {
        byte[] there = read(offset, length);
        int m = Arrays.mismatch(there, 0, length, model, offset, offset + length);
        assertThat(m).as("first byte that differs, from %d on", offset).isEqualTo(-1);
    }

    void checkAll() {
        byte[] there = content(disk);
        assertThat(there.length).isEqualTo(model.length);
        assertThat(Arrays.mismatch(there, model)).as("first byte that differs").isEqualTo(-1);
    }

    /** One operation of any kind. */
    void step(Random random, int clusterSize) {
        int length = model.length;
        int offset = random.nextInt(length);
        int most = Math.min(length - offset, Math.min(8 << 20, 5 * clusterSize));
        int n = 1 + random.nextInt(random.nextBoolean() ? most : Math.min(most, 4096));
        if (random.nextInt(3) == 0) {
            int unit = random.nextBoolean() ? 512 : clusterSize;
            offset -= offset % unit;
            n = Math.min(length - offset, Math.min(8 << 20, (n + unit - 1) / unit * unit));
        }
        switch (random.nextInt(12)) {
            case 0, 1, 2, 3, 4 -> {
                byte[] bytes = new byte[n];
                random.nextBytes(bytes);
                write(offset, bytes);
            }
            case 5 -> discard(offset, n);
            case 6 -> zero(offset, n, true);
            case 7 -> zero(offset, n, false);
            case 8 -> disk.flush();
            default -> check(offset, n);
        }
    }

    void zero(int offset, int n, boolean unmap) {
        disk.writeZeroes(offset, n, unmap);
        Arrays.fill(model, offset, offset + n, (byte) 0);
    }

    /** What a discard leaves is the disk's to say, byte by byte: zeros or what was there. */
    void discard(int offset, int n) {
        disk.discard(offset, n);
        byte[] there = read(offset, n);
        for (int i = 0; i < n; i++) {
            assertThat(there[i] == 0 || there[i] == model[offset + i]).isTrue();
        }
        System.arraycopy(there, 0, model, offset, n);
    }

    void resize(int length) {
        disk.resize(length);
        model = Arrays.copyOf(model, length);
        assertThat(disk.length()).isEqualTo(length);
    }

    @Override
    public void close() {
        disk.close();
    }
}
