package jcrosvm.disk.qcow2;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * kill -9 at random moments: the image stays without corruption, what was flushed is there, and what was not is one of
 * what was written.
 */
class KillTest {
    /** What a disk writes whole or not at all. */
    private static final int SECTOR = 512;

    private static final int SIZE = 2 * KillChild.BLOCKS * KillChild.BLOCK;

    /** What the image is when the killing begins. */
    enum Start {
        EMPTY,
        SMALL_CLUSTERS,
        VERSION_2,
        BACKING,
        COMPRESSED_WITH_SNAPSHOT
    }

    @TempDir(factory = MemoryFolder.class)
    Path folder;

    @BeforeAll
    static void needsQemu() {
        QemuImg.required();
    }

    @ParameterizedTest
    @EnumSource
    void aFewTimes(Start start) throws Exception {
        killed(start, 3, 1);
    }

    @ParameterizedTest
    @EnumSource
    @Tag("long")
    void hundredsOfTimes(Start start) throws Exception {
        for (int i = 0; i < 8; i++) {
            killed(start, 10, 100 + i);
        }
    }

    private Path image(Start start) throws IOException {
        Path image = folder.resolve("kill.qcow2");
        Path raw = folder.resolve("base.raw");
        Files.deleteIfExists(image);
        Qcow2Options options = Qcow2Options.ofSize(SIZE);
        ByteBuffer b = ByteBuffer.allocate(SIZE).order(ByteOrder.nativeOrder());
        for (int i = 0; i < KillChild.BLOCKS * KillChild.BLOCK / 8; i++) {
            b.putLong(8 * i, KillChild.word(1, i % (KillChild.BLOCK / 8)));
        }
        Files.write(raw, b.array());
        switch (start) {
            case EMPTY -> TestDisk.create(image, options);
            case SMALL_CLUSTERS ->
                TestDisk.create(image, options.withClusterSize(1024).withRefcountBits(2));
            case VERSION_2 -> TestDisk.create(image, options.withVersion(2));
            case BACKING -> TestDisk.create(image, options.withBacking("base.raw", "raw"));
            case COMPRESSED_WITH_SNAPSHOT -> {
                QemuImg.ok("convert", "-c", "-f", "raw", "-O", "qcow2", raw, image);
                QemuImg.ok("snapshot", "-c", "first", image);
            }
        }
        return image;
    }

    private void killed(Start start, int times, long seed) throws Exception {
        Random random = new Random(seed);
        Path image = image(start);
        long initial = start == Start.BACKING || start == Start.COMPRESSED_WITH_SNAPSHOT ? 1 : 0;
        List<Set<Long>> possible = new ArrayList<>();
        for (int i = 0; i < KillChild.BLOCKS; i++) {
            possible.add(new HashSet<>(Set.of(initial)));
        }
        long leaks = 0;
        for (int i = 0; i < times; i++) {
            replay(run(image, 10 + i * 10_000_000L, random.nextInt(250)), possible);
            QemuImg.checkUsable(image);
            leaks += QemuImg.check(image, false).leaks();
            checkBlocks(QemuImg.content(image), possible);
        }
        // Opening for writing repairs; closing leaves nothing to repair.
        TestDisk.open(image, false).close();
        if (start != Start.VERSION_2) {
            QemuImg.checkClean(image);
        }
        QemuImg.check(image, true);
        QemuImg.checkClean(image);
        checkBlocks(QemuImg.content(image), possible);
        System.out.println(start + ": " + times + " kills, " + leaks + " leaked clusters");
    }

    /** Starts the child, kills it after a while, and returns what it told. */
    private ByteBuffer run(Path image, long firstVersion, int millis) throws Exception {
        Path told = folder.resolve("told");
        Process child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-Xmx128m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        KillChild.class.getName(),
                        image.toString(),
                        Long.toString(firstVersion))
                .redirectOutput(told.toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        while (Files.size(told) == 0 && child.isAlive()) {
            Thread.sleep(1);
        }
        Thread.sleep(millis);
        child.destroyForcibly();
        child.waitFor();
        assertThat(child.exitValue()).as("killed, not failed").isEqualTo(128 + 9);
        return ByteBuffer.wrap(Files.readAllBytes(told));
    }

    private static void replay(ByteBuffer told, List<Set<Long>> possible) {
        long[] last = new long[KillChild.BLOCKS];
        java.util.Arrays.fill(last, -1);
        while (told.remaining() >= 24) {
            int thread = (int) told.getLong();
            long block = told.getLong();
            long version = told.getLong();
            if (block != KillChild.FLUSHED) {
                last[(int) block] = version == KillChild.ZERO ? 0 : version;
                possible.get((int) block).add(last[(int) block]);
                continue;
            }
            for (int b = 0; b < KillChild.BLOCKS; b++) {
                if (b / KillChild.RUN % 2 == thread && last[b] >= 0) {
                    possible.set(b, new HashSet<>(Set.of(last[b])));
                }
            }
        }
    }

    /** Each sector is of a version its block can have: a write that was under way may have come only part of the way. */
    private static void checkBlocks(byte[] content, List<Set<Long>> possible) {
        ByteBuffer b = ByteBuffer.wrap(content).order(ByteOrder.nativeOrder());
        for (int block = 0; block < KillChild.BLOCKS; block++) {
            Set<Long> found = new HashSet<>();
            for (int sector = 0; sector < KillChild.BLOCK / SECTOR; sector++) {
                int at = block * KillChild.BLOCK + sector * SECTOR;
                int firstWord = sector * SECTOR / 8;
                long version = possible.get(block).stream()
                        .filter(candidate -> holds(b, at, firstWord, candidate))
                        .findFirst()
                        .orElse(-1L);
                assertThat(version)
                        .as("sector %d of block %d is one of %s", sector, block, possible.get(block))
                        .isNotEqualTo(-1);
                found.add(version);
            }
            possible.set(block, found);
        }
    }

    private static boolean holds(ByteBuffer content, int at, int firstWord, long version) {
        for (int i = 0; i < SECTOR / 8; i++) {
            if (content.getLong(at + 8 * i) != KillChild.word(version, firstWord + i)) {
                return false;
            }
        }
        return true;
    }
}
