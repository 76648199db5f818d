package jcrosvm.disk;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import jcrosvm.base.VmmException;

/** Opens and reads damaged copies of an image: only the exceptions that disks promise may come out. */
public final class HostileImages {
    private HostileImages() {}

    /**
     * @param prefix where most of the damage is done: the first bytes
     * @param suffix and the last ones
     */
    public static void run(Path path, DiskOptions options, int rounds, int prefix, int suffix) throws IOException {
        byte[] good = Files.readAllBytes(path);
        Random random = new Random(good.length);
        for (int round = 0; round < rounds; round++) {
            byte[] bad = round % 8 == 0 ? Arrays.copyOf(good, random.nextInt(good.length + 1)) : good.clone();
            for (int i = random.nextInt(5); i >= 0 && bad.length > 0; i--) {
                int at = switch (random.nextInt(3)) {
                    case 0 -> random.nextInt(Math.min(prefix, bad.length));
                    case 1 -> bad.length - 1 - random.nextInt(Math.min(suffix, bad.length));
                    default -> random.nextInt(bad.length);
                };
                bad[at] = random.nextInt(3) == 0 ? (byte) -random.nextInt(2) : (byte) random.nextInt();
            }
            Files.write(path, bad);
            try (DiskFile disk = DiskImages.open(path, options)) {
                for (int i = 0; i < 4; i++) {
                    int length = (int) Math.min(disk.length(), 1 + random.nextInt(9000));
                    long offset = i == 0 ? 0 : random.nextLong(disk.length() - length + 1);
                    readOrFail(disk, offset, length);
                }
            } catch (VmmException e) {
                if (String.valueOf(e.getMessage()).contains("\n")) {
                    throw new AssertionError("not one line: " + e.getMessage());
                }
            } catch (RuntimeException e) {
                throw new AssertionError("round " + round, e);
            }
        }
        Files.write(path, good);
    }

    private static void readOrFail(DiskFile disk, long offset, int length) {
        try {
            DiskModel.read(disk, offset, length);
        } catch (VmmException e) {
            // As promised.
        }
    }
}
