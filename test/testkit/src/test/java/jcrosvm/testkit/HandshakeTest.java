package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.Virtqueue;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Two threads that sleep only when the other has promised to wake them: a request or a completion that is not seen, or
 * a kick or an interrupt that is thought unnecessary and was not, stops both. The driver varies how soon it looks, so
 * that the device is met at every point of going to sleep.
 */
class HandshakeTest implements Interrupt {
    private static final int ROUNDS = 100_000;

    private final AtomicBoolean kicked = new AtomicBoolean();
    private final AtomicBoolean interrupted = new AtomicBoolean();
    private volatile boolean over;

    @ParameterizedTest
    @EnumSource(names = {"SPLIT", "SPLIT_EVENT", "PACKED", "PACKED_EVENT"})
    void nobodySleepsForEver(Rings rings) throws InterruptedException {
        run(rings, 1500);
    }

    @Tag("long")
    @ParameterizedTest
    @EnumSource(names = {"SPLIT", "SPLIT_EVENT", "PACKED", "PACKED_EVENT"})
    void alsoNotForLong(Rings rings) throws InterruptedException {
        run(rings, 60_000);
    }

    /** As many rounds as a busy machine manages in this time. */
    private void run(Rings rings, int millis) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        try (GuestMemory memory = GuestMemory.ofSize(1 << 20)) {
            boolean eventIdx = (rings.features & VirtioFeatures.VIRTIO_F_EVENT_IDX) != 0;
            QueueLayout layout = new QueueLayout(4, 0x1000, 0x2000, 0x3000);
            DriverRing ring = rings.packed()
                    ? new PackedDriverRing(memory, layout, eventIdx)
                    : new SplitDriverRing(memory, layout, eventIdx);
            Virtqueue queue = Virtqueue.of(memory, 0, layout, rings.features, ring.initialState(), this);
            Thread device = Thread.ofPlatform().daemon().start(() -> device(queue));
            long kicks = 0;
            for (int round = 0; round < ROUNDS && System.nanoTime() < end; round++) {
                memory.putInt(0x8000 + 4 * (round & 3), round);
                ring.submit(List.of(new Buffer(0x8000 + 4 * (round & 3), 4, false), new Buffer(0x9000, 4, true)), 0);
                for (int spin = round % 37; spin > 0; spin--) {
                    Thread.onSpinWait();
                }
                if (ring.kickWanted()) {
                    kicks++;
                    kicked.set(true);
                }
                awaitOne(ring, round);
                assertThat(memory.getInt(0x9000)).isEqualTo(~round);
            }
            assertThat(kicks).isPositive();
            over = true;
            device.join();
        }
    }

    private void awaitOne(DriverRing ring, int round) {
        if (ring.take() != null) {
            return;
        }
        ring.enableInterrupts();
        if (ring.take() != null) {
            interrupted.set(false);
            return;
        }
        while (true) {
            sleep(interrupted, round);
            interrupted.set(false);
            VarHandle.fullFence();
            if (ring.take() != null) {
                return;
            }
        }
    }

    private void sleep(AtomicBoolean until, int round) {
        long deadline = 0;
        for (int i = 1; !until.get() && !over; i++) {
            if (i % 100 != 0) {
                Thread.onSpinWait();
                continue;
            }
            Thread.yield();
            long now = System.nanoTime();
            deadline = deadline == 0 ? now + TimeUnit.SECONDS.toNanos(20) : deadline;
            if (now > deadline && !until.get()) {
                throw new AssertionError("nobody woke the sleeper of round " + round);
            }
        }
    }

    private void device(Virtqueue queue) {
        while (!over) {
            do {
                queue.disableNotifications();
                for (DescriptorChain chain = queue.pop(); chain != null; chain = queue.pop()) {
                    chain.writable().putInt(~chain.readable().getInt());
                    queue.complete(chain, 4);
                    queue.flush();
                }
            } while (queue.enableNotifications());
            while (!kicked.getAndSet(false) && !over) {
                Thread.yield();
            }
        }
    }

    @Override
    public void signal() {
        interrupted.set(true);
    }

    @Override
    public void failed() {
        throw new AssertionError();
    }

    @Override
    public EventFd callEvent() {
        throw new AssertionError();
    }
}
