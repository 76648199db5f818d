package jcrosvm.bench;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.LongUnaryOperator;
import jcrosvm.devices.block.AsyncExecutor;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.devices.block.BlockModule;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskOptions;
import jcrosvm.virtio.VirtioDevice;

/**
 * The block device without a guest: {@code BlockPath null SECONDS} on a disk that does nothing, or {@code BlockPath FILE
 * SECONDS [direct]} with each executor on a file. A driver that does next to nothing keeps requests of 4 KiB in flight on
 * one split ring; reads and writes in turn on the null disk, random reads on a file. On a busy machine the time of the
 * worker's processor says more than that on the wall.
 */
final class BlockPath {
    private BlockPath() {}

    private static long workerId(ThreadMXBean threads) {
        for (ThreadInfo info : threads.getThreadInfo(threads.getAllThreadIds())) {
            if (info != null && info.getThreadName().startsWith("block")) {
                return info.getThreadId();
            }
        }
        throw new IllegalStateException("no worker");
    }

    private static void measure(String what, VirtioDevice device, int depth, boolean writes, long nanos, long blocks) {
        Random random = new Random(1);
        LongUnaryOperator sectors = writes
                ? request -> request * DiskDriver.SECTORS
                : request -> random.nextLong(blocks) * DiskDriver.SECTORS;
        DiskDriver path = new DiskDriver(device, depth, writes, sectors);
        path.begin(depth);
        path.run(nanos); // warms up
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long worker = workerId(threads);
        long allocated = threads.getThreadAllocatedBytes(worker);
        long cpu = threads.getThreadCpuTime(worker);
        long begin = System.nanoTime();
        long done = path.run(nanos);
        long elapsed = System.nanoTime() - begin;
        cpu = threads.getThreadCpuTime(worker) - cpu;
        allocated = threads.getThreadAllocatedBytes(worker) - allocated;
        System.out.printf(
                "%s: %,.0f requests/s, %.0f ns per request, of the worker's processor time %.0f ns (%,.0f requests/s),"
                        + " %.3f bytes allocated per request%n",
                what,
                done * 1e9 / elapsed,
                (double) elapsed / done,
                (double) cpu / done,
                done * 1e9 / cpu,
                (double) allocated / done);
        path.close();
        device.close();
    }

    public static void main(String[] args) {
        long nanos = Long.parseLong(args[1]) * 1_000_000_000L;
        if (args[0].equals("null")) {
            BlockConfig config = BlockConfig.of(Path.of("null"));
            measure(
                    "null disk, 80 in flight",
                    BlockModule.on(new NullDisk(1L << 30), config, 0, 1),
                    80,
                    true,
                    nanos,
                    0);
            return;
        }
        Path file = Path.of(args[0]);
        boolean direct = args.length > 2;
        for (int depth : new int[] {1, 32}) {
            for (AsyncExecutor executor : AsyncExecutor.values()) {
                DiskFile disk = DiskImages.open(file, new DiskOptions(false, direct, true, true));
                BlockConfig config = BlockConfig.of(file).with(to -> to.asyncExecutor = executor);
                String what = "random reads, " + depth + " in flight, " + executor;
                measure(what, BlockModule.on(disk, config, 0, 1), depth, false, nanos, disk.length() / DiskDriver.DATA);
            }
        }
    }
}
