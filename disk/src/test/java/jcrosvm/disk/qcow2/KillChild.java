package jcrosvm.disk.qcow2;

import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;
import jcrosvm.base.io.IoVec;

/** The process that {@link KillTest} kills: two threads write, and tell on standard output what they are about to. */
final class KillChild {
    static final int BLOCK = 4096;
    /** Blocks that have content; as many behind them are discarded at random. */
    static final int BLOCKS = 1536;

    static final int RUN = 3;
    static final long FLUSHED = -1;
    static final long ZERO = 1L << 62;

    private KillChild() {}

    /** Content of a block, 8 bytes at a time. */
    static long word(long version, int index) {
        return version == 0 ? 0 : version * 0x9e37_79b9_7f4a_7c15L + (long) index * 0x1234_5677;
    }

    public static void main(String[] args) throws InterruptedException {
        Qcow2Disk disk = TestDisk.open(Path.of(args[0]), false);
        long firstVersion = Long.parseLong(args[1]);
        try (FileOutputStream log = new FileOutputStream(java.io.FileDescriptor.out)) {
            Thread other = new Thread(() -> work(disk, 1, firstVersion, log));
            other.start();
            work(disk, 0, firstVersion, log);
            other.join();
        } catch (IOException e) {
            System.exit(1);
        }
    }

    private static void tell(FileOutputStream log, int thread, long what, long version) {
        ByteBuffer b = ByteBuffer.allocate(24);
        b.putLong(thread).putLong(what).putLong(version);
        try {
            synchronized (log) {
                log.write(b.array());
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void work(Qcow2Disk disk, int thread, long firstVersion, FileOutputStream log) {
        Random random = new Random(firstVersion * 2 + thread);
        MemorySegment memory = Arena.ofAuto().allocate(RUN * BLOCK, 4096);
        IoVec list = new IoVec(1);
        for (long version = firstVersion; ; version++) {
            int run = random.nextInt(BLOCKS / RUN / 2) * 2 + thread;
            int from = random.nextInt(RUN);
            int block = run * RUN + from;
            int count = 1 + random.nextInt(RUN - from);
            switch (random.nextInt(16)) {
                case 0, 1 -> {
                    disk.flush();
                    tell(log, thread, FLUSHED, 0);
                }
                case 2 -> {
                    for (int i = 0; i < count; i++) {
                        tell(log, thread, block + i, ZERO);
                    }
                    disk.writeZeroes((long) block * BLOCK, (long) count * BLOCK, random.nextBoolean());
                }
                case 3 -> {
                    long at = (BLOCKS + random.nextInt(BLOCKS)) * (long) BLOCK;
                    disk.discard(at, Math.min(disk.length() - at, random.nextInt(200_000)));
                }
                case 4, 5 -> {
                    list.clear();
                    list.add(memory, 0, BLOCK);
                    disk.write((BLOCKS + random.nextInt(BLOCKS)) * (long) BLOCK, list);
                }
                default -> {
                    for (int i = 0; i < count; i++) {
                        tell(log, thread, block + i, version);
                        for (int w = 0; w < BLOCK / 8; w++) {
                            memory.set(ValueLayout.JAVA_LONG, (long) i * BLOCK + 8L * w, word(version, w));
                        }
                    }
                    list.clear();
                    list.add(memory, 0, (long) count * BLOCK);
                    disk.write((long) block * BLOCK, list);
                }
            }
        }
    }
}
