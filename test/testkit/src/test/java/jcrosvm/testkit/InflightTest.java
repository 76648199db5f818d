package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import jcrosvm.base.io.EventFd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.InflightRegion;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.Virtqueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Devices that end anywhere, and others that go on with their rings and notes. */
class InflightTest {
    private static final long BUFFER = 0x8000;

    private final Arena arena = Arena.ofAuto();
    private final Interrupt interrupt = new Interrupt() {
        @Override
        public void signal() {
            // the driver looks by itself
        }

        @Override
        public void failed() {
            throw new AssertionError("the ring has failed");
        }

        @Override
        public EventFd callEvent() {
            throw new AssertionError("not needed");
        }
    };

    /** A ring whose device may end at any store. */
    private final class Scene implements AutoCloseable {
        final int size;
        final boolean packed;
        final Random random;
        final GuestMemory memory = GuestMemory.ofSize(1 << 20);
        final EventFd event = new EventFd();
        final QueueLayout layout;
        final DriverRing driver;
        final MemorySegment notes;
        final List<DescriptorChain> held = new ArrayList<>();
        final Map<Integer, Long> waiting = new HashMap<>(); // addresses of requests that are not answered, by their ids
        Virtqueue queue;
        long next = BUFFER;

        Scene(boolean packed, int size, long seed) {
            this.packed = packed;
            this.size = size;
            random = new Random(seed);
            boolean eventIdx = (seed & 1) != 0;
            layout = new QueueLayout(size, 0, 0x4000, 0x6000);
            driver = packed
                    ? new PackedDriverRing(memory, layout, eventIdx)
                    : new SplitDriverRing(memory, layout, eventIdx);
            notes = arena.allocate(InflightRegion.bytes(size, packed), 8);
            queue = open();
        }

        Virtqueue open() {
            return new QueueResources(
                            0,
                            layout,
                            packed ? QueueState.PACKED : QueueState.SPLIT,
                            (driver.eventIdx ? VirtioFeatures.VIRTIO_F_EVENT_IDX : 0)
                                    | (packed ? VirtioFeatures.VIRTIO_F_RING_PACKED : 0)
                                    | VirtioFeatures.VIRTIO_F_INDIRECT_DESC,
                            memory,
                            event,
                            interrupt,
                            new InflightRegion(notes))
                    .open();
        }

        void submit() {
            int buffers = 2 + random.nextInt(2);
            if (driver.room() >= buffers) {
                next = next + 16 & 0xfffff | BUFFER;
                List<Buffer> all = new ArrayList<>(List.of(new Buffer(next, 8, false), new Buffer(next + 8, 4, true)));
                if (buffers == 3) {
                    all.add(new Buffer(next + 12, 4, true));
                }
                assertThat(waiting.put(driver.submit(all, 0), next)).isNull();
            }
        }

        void pop() {
            DescriptorChain chain = queue.pop();
            if (chain != null && random.nextInt(10) == 0) {
                queue.unpop(chain);
            } else if (chain != null) {
                assertThat(waiting).as("a request that was answered").containsValue(chain.address(0));
                assertThat(held).extracting(other -> other.address(0)).doesNotContain(chain.address(0));
                held.add(chain);
            }
        }

        void complete() {
            if (!held.isEmpty()) {
                queue.complete(held.remove(random.nextInt(held.size())), 0);
            }
        }

        /** Completes some, shows them, and ends before all of that was noted; or, on a packed ring, before it was shown. */
        void endWhileFlushing() {
            int count = random.nextInt(held.size() + 1);
            for (int i = 0; i < count; i++) {
                complete();
            }
            byte[] before = notes.toArray(ValueLayout.JAVA_BYTE);
            byte[] ring = memory.read(0, 16 * size);
            queue.flush();
            byte[] after = notes.toArray(ValueLayout.JAVA_BYTE);
            boolean wasShown = !packed || random.nextBoolean();
            int header = packed ? 32 : 16;
            int entry = packed ? 32 : 16;
            // What follows when the driver was shown it: the old fields of a packed ring, the used index of a split
            // one.
            List<Integer> late = packed ? List.of(14, 15, 18, 19, 21) : List.of(14, 15);
            for (int i = 0; i < before.length; i++) {
                boolean isFlag = i >= header && (i - header) % entry == 0;
                if (late.contains(i) || isFlag && (random.nextBoolean() || !wasShown)) {
                    notes.set(ValueLayout.JAVA_BYTE, i, before[i]);
                } else {
                    notes.set(ValueLayout.JAVA_BYTE, i, after[i]);
                }
            }
            if (!wasShown) {
                int slot = before[16] & 0xff | (before[17] & 0xff) << 8;
                memory.write(16L * slot + 14, new byte[] {ring[16 * slot + 14], ring[16 * slot + 15]});
            }
            end();
        }

        void end() {
            held.clear();
            queue = open();
        }

        void take() {
            for (DriverRing.Used used = driver.take(); used != null; used = driver.take()) {
                assertThat(waiting.remove(used.id())).as("answered twice").isNotNull();
            }
        }

        @Override
        public void close() {
            memory.close();
            event.close();
        }
    }

    @ParameterizedTest
    @CsvSource({"false, 4", "false, 8", "false, 256", "true, 3", "true, 8", "true, 100", "true, 256"})
    void everyRequestIsAnsweredOnce(boolean packed, int size) {
        for (long seed = 0; seed < 40; seed++) {
            try (Scene scene = new Scene(packed, size, seed)) {
                run(scene);
            }
        }
    }

    private static void run(Scene scene) {
        for (int i = 0; i < 3000; i++) {
            switch (scene.random.nextInt(9)) {
                case 0, 1, 2 -> scene.submit();
                case 3, 4 -> scene.pop();
                case 5 -> scene.complete();
                case 6 -> scene.queue.flush();
                case 7 -> scene.take();
                default -> {
                    if (scene.random.nextInt(4) == 0) {
                        scene.end();
                    } else if (scene.random.nextInt(4) == 0) {
                        scene.endWhileFlushing();
                    }
                }
            }
        }
        scene.end();
        scene.queue.forEach(chain -> 0);
        scene.take();
        assertThat(scene.waiting).isEmpty();
        assertThat(scene.driver.room()).isEqualTo(scene.size);
    }

    /** The order in which they were taken, not that of their descriptors. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void requestsComeAgainInTheirOrder(boolean packed) {
        try (Scene scene = new Scene(packed, 64, 4)) {
            List<Long> order = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                scene.submit();
                DescriptorChain chain = scene.queue.pop();
                scene.held.add(chain);
                order.add(chain.address(0));
                if (scene.held.size() > 20) {
                    int done = scene.random.nextInt(20);
                    scene.queue.complete(scene.held.remove(done), 0);
                    order.remove(done);
                    scene.queue.flush();
                    scene.take();
                }
            }
            for (int times = 0; times < 3; times++) {
                scene.end();
                List<Long> again = new ArrayList<>();
                scene.queue.forEach(chain -> {
                    again.add(chain.address(0));
                    return jcrosvm.virtio.RequestHandler.KEPT;
                });
                assertThat(again).isEqualTo(order);
            }
        }
    }

    /** The other side can write them: whatever they are, they harm only the ring. */
    @Test
    void arbitraryNotesAreRefusedOrBorne() {
        for (long seed = 0; seed < 3000; seed++) {
            try (Scene scene = new Scene(seed % 3 != 0, 8, seed)) {
                for (int i = 0; i < 3; i++) {
                    scene.submit();
                    scene.pop();
                }
                byte[] bytes = new byte[(int) scene.notes.byteSize()];
                scene.random.nextBytes(bytes);
                for (int i = 0; i < bytes.length; i++) {
                    boolean isHeader = i < 12 && scene.random.nextInt(4) != 0; // of the right version and size
                    if (!isHeader && scene.random.nextInt(8) == 0) {
                        scene.notes.set(ValueLayout.JAVA_BYTE, i, bytes[i]);
                    }
                }
                try {
                    scene.end();
                    scene.queue.forEach(chain -> 0);
                } catch (DescriptorException e) {
                    assertThat(e).message().isNotBlank();
                }
            }
        }
    }

    /** A relay does that, and a driver that resets one queue. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aQueueThatWasStoppedBeginsWhereItsHostSays(boolean packed) {
        try (Scene scene = new Scene(packed, 8, 2)) {
            for (int i = 0; i < 41; i++) {
                scene.submit();
                scene.queue.forEach(chain -> 0);
                scene.take();
            }
            scene.queue.stop();
            scene.memory.fill(0, 0x8000, (byte) 0);
            scene.end();
            assertThat(scene.queue.pop()).isNull();
            assertThat(scene.queue.state()).isEqualTo(packed ? QueueState.PACKED : QueueState.SPLIT);
        }
    }

    /** A driver that uses descriptors again before they came back. */
    @Test
    void aDriverThatNeverWaitsBreaksItsRingOnly() {
        try (Scene scene = new Scene(false, 4, 2)) {
            scene.submit();
            for (int i = 1; i <= 4; i++) {
                scene.memory.storeReleaseShort(0x4000 + 2, (short) i);
                scene.queue.complete(scene.queue.pop(), 0);
            }
            scene.memory.storeReleaseShort(0x4000 + 2, (short) 5);
            DescriptorChain fifth = scene.queue.pop();
            assertThatThrownBy(() -> scene.queue.complete(fifth, 0))
                    .isInstanceOf(DescriptorException.class)
                    .hasMessageContaining("more than 4 requests at a time");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void notesOfAnotherRingAreRefused(boolean packed) {
        try (Scene scene = new Scene(packed, 8, 2)) {
            scene.notes.set(ValueLayout.JAVA_SHORT, 10, (short) 4);
            assertThatThrownBy(scene::end)
                    .isInstanceOf(DescriptorException.class)
                    .hasMessageContaining("a ring of 4, not 8");
            scene.notes.set(ValueLayout.JAVA_SHORT, 10, (short) 8);
            scene.notes.set(ValueLayout.JAVA_SHORT, 8, (short) 2);
            assertThatThrownBy(scene::end)
                    .isInstanceOf(DescriptorException.class)
                    .hasMessageContaining("version 2");
        }
    }
}
