package jcrosvm.bench;

import java.util.Arrays;
import java.util.function.LongUnaryOperator;
import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;

/** A driver of a disk that does next to nothing: it polls, and keeps requests of 4 KiB in flight on one split ring. */
final class DiskDriver implements AutoCloseable {
    static final int RING = 256;
    /** Bytes of a request. */
    static final int DATA = 4096;

    static final int SECTORS = DATA / 512;
    private static final long MEMORY = 16 << 20;
    private static final long TABLE = 0x1000;
    private static final long AVAILABLE = 0x3000;
    private static final long USED = 0x4000;
    private static final long HEADERS = 0x8000;
    private static final long STATUS = 0xc000;
    private static final long BUFFERS = 0x100000;
    private static final int WRITABLE = 2;
    private static final int SPINS = 100;
    private static final int MAX_LATENCY = 100_000;

    private final GuestMemory memory = GuestMemory.ofSize(MEMORY);
    private final EventFd kick = new EventFd();
    private final EventFd call = new EventFd();
    private final VirtioDevice device;
    private final LongUnaryOperator sectors;
    private final long[] began = new long[RING];
    private final int[] latencies = new int[MAX_LATENCY + 1]; // counts, by microseconds
    private int available;
    private int seen;

    DiskDriver(VirtioDevice device, int depth, boolean writes, LongUnaryOperator sectors) {
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
        began[request] = System.nanoTime();
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

    /** Makes the first requests available. */
    void begin(int depth) {
        for (int i = 0; i < depth; i++) {
            submit(i);
        }
        show();
    }

    /** Microseconds that so many of 1000 requests of the last run took at most. */
    int latency(int permille) {
        long all = Arrays.stream(latencies).asLongStream().sum();
        long count = 0;
        for (int i = 0; i <= MAX_LATENCY; i++) {
            count += latencies[i];
            if (count * 1000 >= all * permille) {
                return i;
            }
        }
        return MAX_LATENCY;
    }

    /** Runs for a while; how many requests came back. */
    long run(long nanos) {
        Arrays.fill(latencies, 0);
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
                latencies[(int) Math.min(MAX_LATENCY, (System.nanoTime() - began[request]) / 1000)]++;
                seen = seen + 1 & 0xffff;
                done++;
                submit(request);
            }
            show();
        }
        return done;
    }

    /** Stops the queue; the device stays open. */
    @Override
    public void close() {
        device.stopQueue(0);
        device.reset();
        kick.close();
        call.close();
        memory.close();
    }
}
