package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import jcrosvm.memory.GuestMemory;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.relay.RelayDevice;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A relay in front of backends that do what none should, and what it tells the memory. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class RelayTest {
    private static final int SIZE = 16;

    static {
        Quiet.please();
    }

    /** A backend that does nothing: the test writes its used ring. */
    private static final class Backend implements VirtioDevice {
        private volatile @Nullable QueueResources queue;
        private volatile QueueState stopsAt = QueueState.SPLIT;

        @Override
        public DeviceTraits traits() {
            return new DeviceTraits(42, VirtioFeatures.VIRTIO_F_RING_PACKED, List.of(256), 0);
        }

        @Override
        public void negotiated(long features) {
            assertThat(features & (VirtioFeatures.VIRTIO_F_RING_PACKED | VirtioFeatures.VIRTIO_F_EVENT_IDX))
                    .isZero();
        }

        @Override
        public void startQueue(int index, QueueResources resources) {
            queue = resources;
        }

        @Override
        public @Nullable QueueState stopQueue(int index) {
            return stopsAt;
        }

        @Override
        public void reset() {}

        @Override
        public byte[] saveState() {
            return new byte[0];
        }

        @Override
        public void restoreState(byte[] state) {}

        @Override
        public void close() {}

        QueueResources queue() {
            return Objects.requireNonNull(queue);
        }

        /** Waits until that many requests were made available. */
        void await(int count) throws InterruptedException {
            while ((queue().memory().loadAcquireShort(queue().layout().driver() + 2) & 0xffff) != count) {
                Thread.sleep(1);
            }
        }

        int head(int position) {
            return queue().memory().getShort(queue().layout().driver() + 4 + 2L * position) & 0xffff;
        }

        void use(int position, int head, int written) {
            GuestMemory memory = queue().memory();
            memory.putInt(queue().layout().device() + 4 + 8L * position, head);
            memory.putInt(queue().layout().device() + 8 + 8L * position, written);
        }

        void show(int used) {
            queue().memory().storeReleaseShort(queue().layout().device() + 2, (short) used);
            queue().interrupt().callEvent().signal();
        }
    }

    private final Backend backend = new Backend();
    private final MockDriver driver =
            new MockDriver(new RelayDevice("relay", backend), VirtioFeatures.RINGS, GuestMemory.ofSize(1 << 20));

    @Test
    void writtenBuffersAreToldBeforeTheDriverSeesThem() throws InterruptedException {
        MockQueue queue = driver.start(0, SIZE);
        Buffer first = queue.writable(100);
        Buffer second = queue.writable(5000);
        queue.submit(queue.readable(new byte[] {1}), first, second);
        queue.kick();
        backend.await(1);
        List<Long> told = new CopyOnWriteArrayList<>();
        driver.memory().addWriteListener((address, length) -> {
            boolean seen = (driver.memory().getShort(queue.layout().device() + 2) & 0xffff) != 0;
            if (!seen) {
                told.add(address << 16 | length);
            }
        });
        // It says that it wrote nothing, and the driver hears that; the memory is told of all buffers nevertheless.
        backend.use(0, backend.head(0), 0);
        backend.show(1);
        assertThat(queue.await().getFirst().written()).isZero();
        assertThat(told).contains(first.address() << 16 | 100, second.address() << 16 | 5000);
        driver.close();
    }

    /** What a backend may write into its used ring, and how far it says that it is. */
    private enum Lie {
        NEVER_GIVEN,
        BEYOND_THE_RING,
        NEGATIVE,
        TWICE,
        MORE_THAN_WAS_GIVEN,
        FAR_AHEAD
    }

    @ParameterizedTest
    @EnumSource
    void backendsThatLieFail(Lie lie) throws InterruptedException {
        MockQueue queue = driver.start(0, SIZE);
        queue.submit(queue.writable(8));
        queue.submit(queue.writable(8));
        queue.kick();
        backend.await(2);
        int head = backend.head(0);
        int free = (Math.max(head, backend.head(1)) + 1) % SIZE;
        backend.use(
                0,
                switch (lie) {
                    case NEVER_GIVEN -> free;
                    case BEYOND_THE_RING -> SIZE;
                    case NEGATIVE -> -1;
                    default -> head;
                },
                8);
        backend.use(1, lie == Lie.TWICE ? head : backend.head(1), 8);
        backend.show(
                switch (lie) {
                    case MORE_THAN_WAS_GIVEN -> 3;
                    case FAR_AHEAD -> 40000;
                    default -> 2;
                });
        while (!driver.failed()) {
            Thread.sleep(1);
        }
        backend.stopsAt = new QueueState(2, 2);
        driver.reset();
        worksAgain();
        driver.close();
    }

    private void worksAgain() throws InterruptedException {
        MockQueue queue = driver.start(0, SIZE);
        queue.submit(queue.writable(8));
        queue.kick();
        backend.await(1);
        backend.use(0, backend.head(0), 8);
        backend.show(1);
        assertThat(queue.await()).hasSize(1);
        backend.stopsAt = new QueueState(1, 1);
    }

    @Test
    void whatTheBackendLeftIsTheDriversAgain() throws InterruptedException {
        MockQueue queue = driver.start(0, SIZE);
        for (int i = 0; i < 5; i++) {
            queue.submit(queue.writable(8));
        }
        queue.kick();
        backend.await(5);
        backend.use(0, backend.head(1), 8);
        backend.use(1, backend.head(0), 8);
        backend.show(2);
        backend.stopsAt = new QueueState(2, 2);
        assertThat(driver.device().stopQueue(0)).isEqualTo(new QueueState(2, 2));
        driver.close();
    }

    @Test
    void aBackendThatLosesARequestFails() throws InterruptedException {
        MockQueue queue = driver.start(0, SIZE);
        for (int i = 0; i < 5; i++) {
            queue.submit(queue.writable(8));
        }
        queue.kick();
        backend.await(5);
        backend.use(0, backend.head(1), 8);
        backend.show(1);
        backend.stopsAt = new QueueState(3, 1);
        driver.device().stopQueue(0);
        assertThat(driver.failed()).isTrue();
        driver.close();
    }

    /** Anything in the ring's memory, at any time: the thread lives, and the next session works. */
    @Test
    void randomRings() throws InterruptedException {
        Random random = new Random(5);
        for (int round = 0; round < 300; round++) {
            MockQueue queue = driver.start(0, SIZE);
            int count = 1 + random.nextInt(8);
            List<Integer> heads = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                queue.submit(queue.writable(8), queue.writable(8));
            }
            queue.kick();
            backend.await(count);
            for (int i = 0; i < count; i++) {
                heads.add(backend.head(i));
            }
            Collections.shuffle(heads, random);
            for (int i = 0; i < count; i++) {
                backend.use(i, random.nextInt(6) == 0 ? random.nextInt() : heads.get(i), random.nextInt());
            }
            backend.show(random.nextInt(3) == 0 ? random.nextInt() : count);
            backend.stopsAt = new QueueState(random.nextInt(3) == 0 ? random.nextInt(0x10000) : count, count);
            driver.reset();
        }
        worksAgain();
        driver.close();
    }
}
