package jcrosvm.bench;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.LongUnaryOperator;
import jcrosvm.base.io.EventFd;
import jcrosvm.devices.block.AsyncExecutor;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.devices.block.BlockModule;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskOptions;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;

/**
 * The block device without a guest: {@code BlockPath null SECONDS} on a disk that does nothing, or {@code BlockPath FILE
 * SECONDS [direct]} with each executor on a file. A driver that does next to nothing keeps requests of 4 KiB in flight on
 * one split ring; reads and writes in turn on the null disk, random reads on a file. On a busy machine the time of the
 * worker's processor says more than that on the wall.
 */
final class BlockPath {
    private static final int RING = 256;
    private static final int DATA = 4096;
    private static final int SECTORS = DATA / 512;
    private static final long MEMORY = 16 << 20;
    private static final long TABLE = 0x1000;
    private static final long AVAILABLE = 0x3000;
    private static final long USED = 0x4000;
    private static final long HEADERS = 0x8000;
    private static final long STATUS = 0xc000;
    private static final long BUFFERS = 0x100000;
    private static final int WRITABLE = 2;
    private static final int SPINS = 100;

    private final GuestMemory memory = GuestMemory.ofSize(MEMORY);
    private final EventFd kick = new EventFd();
    private final EventFd call = new EventFd();
    private final VirtioDevice device;
    private final LongUnaryOperator sectors;
    private int available;
    private int seen;

    private BlockPath(VirtioDevice device, int depth, boolean writes, LongUnaryOperator sectors) {
        this.device = device;
        this.sectors = sectors;
        for (int i = 0; i < depth; i++) {
            boolean write = writes && i % 2 == 1;
            memory.putInt(HEADERS + 16L * i, write ? 1 : 0);
            descriptor(3 * i, HEADERS + 16L * i, 16, 0, true);
            descriptor(3 * i + 1, BUFFERS + (long) DATA * i, DATA, write ? 0 : WRITABLE, true);
            descriptor(3 * i + 2, STATUS + i, 1, WRITABLE, false);
        }
        memory.putShort(AVAILABLE, (short) 1); // no interrupts: this driver polls
        device.negotiated(VirtioFeatures.VIRTIO_F_VERSION_1 | 1 << 9);
        QueueLayout layout = new QueueLayout(RING, TABLE, AVAILABLE, USED);
        device.startQueue(0, new QueueResources(0, layout, QueueState.SPLIT, 0, memory, kick, interrupt()));
    }

    private void descriptor(int at, long address, int length, int flags, boolean chained) {
        long entry = TABLE + 16L * at;
        memory.putLong(entry, address);
        memory.putInt(entry + 8, length);
        memory.putShort(entry + 12, (short) (flags | (chained ? 1 : 0)));
        memory.putShort(entry + 14, (short) (chained ? at + 1 : 0));
    }

    private Interrupt interrupt() {
        return new Interrupt() {
            @Override
            public void signal() {}

            @Override
            public void failed() {
                throw new IllegalStateException("the device failed");
            }

            @Override
            public EventFd callEvent() {
                return call;
            }
        };
    }

    private void submit(int request) {
        memory.putLong(HEADERS + 16L * request + 8, sectors.applyAsLong(request));
        memory.putShort(AVAILABLE + 4 + 2L * (available & RING - 1), (short) (3 * request));
        available = available + 1 & 0xffff;
    }

    private void show() {
        memory.storeReleaseShort(AVAILABLE + 2, (short) available);
        java.lang.invoke.VarHandle.fullFence();
        if ((memory.loadAcquireShort(USED) & 1) == 0) {
            kick.signal();
        }
    }

    /** Runs for a while; how many requests came back. */
    private long run(long nanos) {
        long done = 0;
        long end = System.nanoTime() + nanos;
        int idle = 0;
        while (System.nanoTime() < end) {
            int used = memory.loadAcquireShort(USED + 2) & 0xffff;
            if (used == seen) {
                if (++idle % SPINS == 0) {
                    Thread.yield(); // a busy machine: the worker has no processor
                }
                Thread.onSpinWait();
                continue;
            }
            while (seen != used) {
                int request = memory.getInt(USED + 4 + 8L * (seen & RING - 1)) / 3;
                if (memory.getByte(STATUS + request) != 0) {
                    throw new IllegalStateException("request " + request + " failed");
                }
                seen = seen + 1 & 0xffff;
                done++;
                submit(request);
            }
            show();
        }
        return done;
    }

    private void close() {
        device.stopQueue(0);
        device.close();
        kick.close();
        call.close();
        memory.close();
    }

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
        LongUnaryOperator sectors =
                writes ? request -> request * SECTORS : request -> random.nextLong(blocks) * SECTORS;
        BlockPath path = new BlockPath(device, depth, writes, sectors);
        for (int i = 0; i < depth; i++) {
            path.submit(i);
        }
        path.show();
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
                measure(what, BlockModule.on(disk, config, 0, 1), depth, false, nanos, disk.length() / DATA);
            }
        }
    }
}
