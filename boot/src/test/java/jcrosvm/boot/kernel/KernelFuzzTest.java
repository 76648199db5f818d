package jcrosvm.boot.kernel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import jcrosvm.base.VmmException;
import jcrosvm.boot.KernelUnpack;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever an image says, the only thing that may come out is a message. */
class KernelFuzzTest {
    private static final int ROUNDS = 2000;
    private static final long[] INTERESTING = {
        0,
        1,
        0x7f,
        0xff,
        0x1000,
        0x7fff,
        0xffff,
        0x7fffffffL,
        0x80000000L,
        0xffffffffL,
        1L << 32,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        -1,
        -4096
    };

    @TempDir
    Path folder;

    @Test
    void mutatedHeadersNeverDoAnythingElse() {
        long physical = 0x20_0000;
        List<byte[]> seeds = List.of(
                Images.vmlinux(9000),
                Images.elf64(physical, physical, physical, 9000, 9100, physical + 4),
                Images.elf32(0x40_0000, 0x40_0000, 9000, 9100, true),
                Images.elf32(0x40_0000, 0x40_0000, 9000, 9100, false),
                Images.bzImage(Images.storedZstd(Images.vmlinux(9000)), 20_000).array(),
                flat());
        Random random = new Random(20260101);
        try (Loading loading = new Loading(folder, 64)) {
            Path initrd = loading.file("initrd", Images.content(1000));
            for (int round = 0; round < ROUNDS; round++) {
                byte[] image = seeds.get(round % seeds.size()).clone();
                mutate(random, image);
                var config =
                        loading.config(image).withInitrd(initrd).withUnpack(KernelUnpack.values()[random.nextInt(3)]);
                try {
                    loading.load(config);
                } catch (VmmException e) {
                    // The only permitted failure.
                } catch (RuntimeException e) {
                    throw new AssertionError("round " + round, e);
                }
            }
        }
    }

    private static byte[] flat() {
        ByteBuffer image = Images.buffer(9000);
        Images.multibootHeader(image, 0x100, 1 << 16, 0x40_0100, 0x40_0000, 0x40_1000, 0x40_2000, 0x40_0000);
        return image.array();
    }

    private static void mutate(Random random, byte[] image) {
        ByteBuffer bytes = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = random.nextInt(3); i >= 0; i--) {
            // Headers are where the decisions are made.
            int range = random.nextInt(4) == 0 ? image.length : Math.min(image.length, 0x1100);
            int at = random.nextInt(range - 8);
            long value = INTERESTING[random.nextInt(INTERESTING.length)] + random.nextInt(3) - 1;
            switch (random.nextInt(4)) {
                case 0 -> bytes.put(at, (byte) random.nextInt());
                case 1 -> bytes.putShort(at & -2, (short) value);
                case 2 -> bytes.putInt(at & -4, (int) value);
                default -> bytes.putLong(at & -8, value);
            }
        }
    }
}
