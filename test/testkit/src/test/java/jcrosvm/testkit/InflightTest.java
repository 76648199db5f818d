package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
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
        final Random random;
        final GuestMemory memory = GuestMemory.ofSize(1 << 20);
        final EventFd event = new EventFd();
        final QueueLayout layout;
        final SplitDriverRing driver;
        final MemorySegment notes;
        final List<DescriptorChain> held = new ArrayList<>();
        final Set<Long> waiting = new HashSet<>(); // addresses of requests that are not answered
        Virtqueue queue;
        long next = BUFFER;

        Scene(int size, long seed) {
            this.size = size;
            random = new Random(seed);
            layout = new QueueLayout(size, 0, 0x4000, 0x6000);
            driver = new SplitDriverRing(memory, layout, (seed & 1) != 0);
            notes = arena.allocate(InflightRegion.bytes(size), 8);
            queue = open();
        }

        Virtqueue open() {
            return new QueueResources(
                            0,
                            layout,
                            QueueState.SPLIT,
                            driver.eventIdx ? VirtioFeatures.VIRTIO_F_EVENT_IDX : 0,
                            memory,
                            event,
                            interrupt,
                            new InflightRegion(notes, size))
                    .open();
        }

        void submit() {
            if (driver.room() >= 2) {
                next = next + 16 & 0xfffff | BUFFER;
                waiting.add(next);
                driver.submit(List.of(new Buffer(next, 8, false), new Buffer(next + 8, 8, true)), 0);
            }
        }

        void pop() {
            DescriptorChain chain = queue.pop();
            if (chain != null && random.nextInt(10) == 0) {
                queue.unpop(chain);
            } else if (chain != null) {
                assertThat(waiting).as("a request that was answered").contains(chain.address(0));
                assertThat(held).extracting(other -> other.address(0)).doesNotContain(chain.address(0));
                held.add(chain);
            }
        }

        void complete() {
            if (!held.isEmpty()) {
                queue.complete(held.remove(random.nextInt(held.size())), 0);
            }
        }

        /** Completes some, shows them, and ends before all of that was noted. */
        void endWhileFlushing() {
            int count = random.nextInt(held.size() + 1);
            for (int i = 0; i < count; i++) {
                complete();
            }
            byte[] before = notes.toArray(ValueLayout.JAVA_BYTE);
            queue.flush();
            byte[] after = notes.toArray(ValueLayout.JAVA_BYTE);
            // The index of the used ring is noted last; of the flags of requests, some are cleared.
            for (int i = 0; i < before.length; i++) {
                if (before[i] != after[i] && (i == 14 || i == 15 || random.nextBoolean())) {
                    notes.set(ValueLayout.JAVA_BYTE, i, before[i]);
                }
            }
            if (before[14] != after[14] || before[15] != after[15]) {
                notes.set(ValueLayout.JAVA_BYTE, 14, before[14]);
                notes.set(ValueLayout.JAVA_BYTE, 15, before[15]);
            }
            end();
        }

        void end() {
            held.clear();
            queue = open();
        }

        void take() {
            for (DriverRing.Used used = driver.take(); used != null; used = driver.take()) {
                long address = memory.getLong(layout.descriptors() + 16L * used.id());
                assertThat(waiting.remove(address)).as("answered twice").isTrue();
            }
        }

        @Override
        public void close() {
            memory.close();
            event.close();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 8, 256})
    void everyRequestIsAnsweredOnce(int size) {
        for (long seed = 0; seed < 40; seed++) {
            try (Scene scene = new Scene(size, seed)) {
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
    @Test
    void requestsComeAgainInTheirOrder() {
        try (Scene scene = new Scene(64, 4)) {
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
            try (Scene scene = new Scene(8, seed)) {
                for (int i = 0; i < 3; i++) {
                    scene.submit();
                    scene.pop();
                }
                byte[] bytes = new byte[(int) scene.notes.byteSize()];
                scene.random.nextBytes(bytes);
                for (int i = 0; i < bytes.length; i++) {
                    boolean isHeader = i < 12 && scene.random.nextInt(4) != 0; // of the right version and size
                    if (!isHeader && scene.random.nextInt(3) == 0) {
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
    @Test
    void aRingThatBeginsAnewHasNothingLeft() {
        try (Scene scene = new Scene(8, 2)) {
            for (int i = 0; i < 40; i++) {
                scene.submit();
                scene.queue.forEach(chain -> 0);
                scene.take();
            }
            scene.memory.fill(0, 0x8000, (byte) 0);
            scene.end();
            assertThat(scene.queue.pop()).isNull();
            scene.memory.putShort(0x4000 + 4, (short) 3);
            scene.memory.putInt(3 * 16 + 8, 8);
            scene.memory.storeReleaseShort(0x4000 + 2, (short) 1);
            assertThat(scene.queue.pop()).isNotNull();
            scene.memory.storeReleaseShort(0x6000 + 2, (short) 1000);
            assertThatThrownBy(scene::end)
                    .isInstanceOf(DescriptorException.class)
                    .hasMessageContaining("completions behind");
        }
    }

    @Test
    void notesOfAnotherRingAreRefused() {
        try (Scene scene = new Scene(8, 2)) {
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
