package jcrosvm.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import jcrosvm.base.io.IoVec;

/** A disk beside an array of bytes that it must equal: random requests go to both. */
public final class DiskModel {
    private final DiskFile disk;
    private final Random random;
    private final byte[] bytes;
    private final MemorySegment memory = Arena.ofAuto().allocate(1 << 20, 4096);
    private final IoVec vec = new IoVec(64);

    /** @param bytes what the disk holds now */
    public DiskModel(DiskFile disk, byte[] bytes, long seed) {
        this.disk = disk;
        this.bytes = bytes;
        random = new Random(seed);
    }

    /** Reads a range as one piece. */
    public static byte[] read(DiskFile disk, long offset, int length) {
        MemorySegment into = Arena.ofAuto().allocate(Math.max(1, length), 4096);
        into.fill((byte) 0x5a);
        IoVec vec = new IoVec(1);
        vec.add(into, 0, length);
        disk.read(offset, vec);
        assertThat(vec.length()).isZero();
        return into.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
    }

    /** Writes a range as one piece. */
    public static void write(DiskFile disk, long offset, byte[] from) {
        MemorySegment memory = Arena.ofAuto().allocate(Math.max(1, from.length), 4096);
        MemorySegment.copy(from, 0, memory, ValueLayout.JAVA_BYTE, 0, from.length);
        IoVec vec = new IoVec(1);
        vec.add(memory, 0, from.length);
        disk.write(offset, vec);
        assertThat(vec.length()).isZero();
    }

    /** @param unit what offsets and lengths of requests are multiples of */
    public void run(int requests, int unit, boolean mayWrite) {
        for (int i = 0; i < requests; i++) {
            int offset = random.nextInt(bytes.length / unit + 1) * unit;
            int most = Math.min(bytes.length - offset, random.nextInt(8) == 0 ? 600 << 10 : 20_000);
            int length = random.nextInt(most / unit + 1) * unit;
            switch (mayWrite ? random.nextInt(10) : 0) {
                case 0, 1, 2, 3 -> compare(offset, length);
                case 4, 5, 6, 7 -> write(offset, length);
                case 8 -> {
                    disk.writeZeroes(offset, length, random.nextBoolean());
                    Arrays.fill(bytes, offset, offset + length, (byte) 0);
                }
                default -> disk.flush();
            }
        }
        assertThat(read(disk, 0, bytes.length)).isEqualTo(bytes);
    }

    private void compare(int offset, int length) {
        pieces(length);
        memory.fill((byte) 0x77);
        IoVec copy = new IoVec(64);
        copy.add(vec, 0, vec.length());
        disk.read(offset, vec);
        assertThat(vec.length()).isZero();
        byte[] got = new byte[length];
        copy.copyOut(0, MemorySegment.ofArray(got), 0, length);
        assertThat(got).isEqualTo(Arrays.copyOfRange(bytes, offset, offset + length));
    }

    private void write(int offset, int length) {
        pieces(length);
        byte[] data = new byte[length];
        random.nextBytes(data);
        vec.copyIn(0, MemorySegment.ofArray(data), 0, length);
        disk.write(offset, vec);
        assertThat(vec.length()).isZero();
        System.arraycopy(data, 0, bytes, offset, length);
    }

    // Pieces of random sizes at random alignment, one behind the other.
    private void pieces(int length) {
        vec.clear();
        long at = random.nextBoolean() ? 0 : random.nextInt(5000);
        long left = length;
        while (left > 0) {
            long n = vec.count() == 60 || random.nextInt(4) == 0
                    ? left
                    : Math.min(left, random.nextBoolean() ? 512L * (1 + random.nextInt(20)) : random.nextInt(9000));
            vec.add(memory, at, n);
            at += n;
            left -= n;
        }
    }
}
