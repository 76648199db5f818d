package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.Virtqueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class QueueWorkerTest {
    static {
        Quiet.please();
    }

    private final GuestMemory memory = GuestMemory.ofSize(1 << 20);
    private final QueueWorker worker = new QueueWorker("worker");
    private final AtomicInteger failures = new AtomicInteger();
    private final EventFd[] kicks = {new EventFd(), new EventFd()};

    @AfterEach
    void end() {
        worker.close();
        memory.close();
    }

    private QueueResources resources(int index) {
        QueueLayout layout = new QueueLayout(8, 0x1000, 0x2000, 0x3000);
        Interrupt interrupt = new Interrupt() {
            @Override
            public void signal() {}

            @Override
            public void failed() {
                failures.incrementAndGet();
            }

            @Override
            public EventFd callEvent() {
                throw new AssertionError();
            }
        };
        return new QueueResources(
                index, layout, QueueState.SPLIT, Rings.SPLIT.features, memory, kicks[index], interrupt);
    }

    private void settle() {
        CompletableFuture<Boolean> done = new CompletableFuture<>();
        worker.execute(() -> done.complete(true));
        done.join();
    }

    @Test
    void aFailedQueueLeavesTheOthersAlone() throws InterruptedException {
        AtomicInteger calls = new AtomicInteger();
        CountDownLatch worked = new CountDownLatch(3);
        QueueResources bad = resources(0);
        worker.start(bad, queue -> {
            calls.incrementAndGet();
            throw new DescriptorException("no");
        });
        worker.start(resources(1), queue -> worked.countDown());
        assertThat(failures).hasValue(1);
        worker.execute(() -> worker.fail(bad, new DescriptorException("again")));
        worker.execute(() -> worker.process(0));
        while (worked.getCount() > 0) {
            kicks[0].signal();
            kicks[1].signal();
            Thread.yield();
        }
        settle();
        assertThat(failures).as("told once").hasValue(1);
        assertThat(calls).as("not worked on any more").hasValue(1);
        assertThat(worker.stop(0)).isEqualTo(QueueState.SPLIT);
        assertThat(worker.stop(0)).isNull();
        assertThat(worker.stop(1)).isEqualTo(QueueState.SPLIT);
        assertThat(worked.await(1, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void errorsOfOursFailTheQueueToo() {
        for (Throwable error : new Throwable[] {new IllegalStateException("no"), new AssertionError("no")}) {
            failures.set(0);
            worker.start(resources(0), queue -> sneak(error));
            assertThat(failures).hasValue(1);
            assertThat(worker.stop(0)).isNotNull();
        }
    }

    /** A lack of memory is not one queue's: the thread ends, the VM learns of it, and callers that wait go on. */
    @Test
    void errorsOfTheJavaMachineEndTheWorker() throws InterruptedException {
        for (String place : new String[] {"start", "kick", "task", "descriptor"}) {
            CountDownLatch told = new CountDownLatch(1);
            ThreadScope scope = new ThreadScope((thread, error) -> told.countDown());
            QueueWorker mortal = scope.call(() -> new QueueWorker("mortal"));
            EventFd event = new EventFd();
            AtomicInteger calls = new AtomicInteger(place.equals("start") ? 1 : 0);
            QueueHandler handler = queue -> {
                if (calls.getAndIncrement() == 1) {
                    throw new OutOfMemoryError("test");
                }
            };
            if (place.equals("start")) {
                assertThatThrownBy(() -> mortal.start(resources(0), handler)).isInstanceOf(RuntimeException.class);
            } else {
                mortal.start(resources(0), handler);
            }
            switch (place) {
                case "kick" -> kicks[0].signal();
                case "task" ->
                    mortal.execute(() -> {
                        throw new StackOverflowError("test");
                    });
                case "descriptor" -> {
                    mortal.execute(() -> mortal.poller().add(event.fd(), Poller.READABLE, ready -> {
                        throw new OutOfMemoryError("test");
                    }));
                    event.signal();
                }
                default -> {}
            }
            assertThat(told.await(20, TimeUnit.SECONDS)).as(place).isTrue();
            mortal.close();
            assertThat(mortal.stop(0)).isNull();
            assertThatThrownBy(() -> mortal.start(resources(1), handler)).isInstanceOf(IllegalStateException.class);
            event.close();
        }
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> void sneak(Throwable error) throws E {
        throw (E) error;
    }

    /** A queue that always has more leaves room for the others, and its turns do not become more by kicks. */
    @Test
    void turnsAreFairAndDoNotAddUp() throws InterruptedException {
        CountDownLatch others = new CountDownLatch(3);
        AtomicInteger turns = new AtomicInteger();
        worker.start(resources(0), queue -> {
            turns.incrementAndGet();
            worker.again(0);
            worker.again(0);
        });
        worker.start(resources(1), queue -> others.countDown());
        for (int i = 0; i < 3; i++) {
            long left = others.getCount();
            kicks[0].signal();
            kicks[1].signal();
            long end = System.nanoTime() + 20_000_000_000L;
            while (others.getCount() == left && left > 0 && System.nanoTime() < end) {
                Thread.yield();
            }
        }
        assertThat(others.await(20, TimeUnit.SECONDS))
                .as("the other queue has its turns")
                .isTrue();
        // In a full round of the worker's the busy queue has one turn, or two when it is kicked.
        CompletableFuture<Integer> here = new CompletableFuture<>();
        worker.execute(() -> {
            int first = turns.get();
            worker.execute(() -> here.complete(turns.get() - first));
        });
        assertThat(here.join()).isLessThanOrEqualTo(2);
        assertThat(worker.stop(0)).isNotNull();
    }

    @Test
    void aFailingDrainStopsTheQueueAllTheSame() {
        worker.start(resources(0), new QueueHandler() {
            @Override
            public void process(Virtqueue queue) {}

            @Override
            public void drain(Virtqueue queue) {
                throw new DescriptorException("no");
            }
        });
        assertThat(worker.stop(0)).isEqualTo(QueueState.SPLIT);
        assertThat(failures).hasValue(1);
        worker.start(resources(0), queue -> {});
        assertThat(worker.stop(0)).isNotNull();
    }

    @Test
    void tasksMayFail() {
        worker.execute(() -> {
            throw new IllegalStateException("no");
        });
        worker.execute(() -> {
            throw new AssertionError("no");
        });
        settle();
    }

    @Test
    void aFailingDescriptorOfTheDeviceFailsItsQueues() {
        EventFd event = new EventFd();
        AtomicInteger calls = new AtomicInteger();
        worker.start(resources(0), queue -> {});
        worker.start(resources(1), queue -> {});
        worker.execute(() -> worker.poller().add(event.fd(), Poller.READABLE, events -> {
            calls.incrementAndGet();
            throw new IllegalStateException("no");
        }));
        event.signal();
        while (failures.get() < 2) {
            Thread.onSpinWait();
        }
        settle();
        assertThat(calls).as("it was removed").hasValue(1);
        assertThat(worker.stop(0)).isNotNull();
        assertThat(worker.stop(1)).isNotNull();
    }

    @Test
    void twiceIsRefused() {
        worker.start(resources(0), queue -> {});
        assertThatThrownBy(() -> worker.start(resources(0), queue -> {}))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("started already");
    }

    @Test
    void nobodyWaitsForAClosedWorker() {
        worker.start(resources(0), queue -> {});
        worker.close();
        worker.close();
        assertThat(worker.stop(0)).isNull();
        assertThatThrownBy(() -> worker.start(resources(0), queue -> {})).isInstanceOf(IllegalStateException.class);
        worker.execute(() -> {});
    }

    @Test
    void nobodyWaitsWhileAWorkerCloses() throws InterruptedException {
        for (int i = 0; i < 300; i++) {
            QueueWorker closing = new QueueWorker("closing");
            closing.execute(() -> {}); // so that there is a thread
            CountDownLatch go = new CountDownLatch(1);
            Thread other = Thread.ofPlatform().start(() -> {
                go.countDown();
                for (int n = 0; n < 20; n++) {
                    assertThat(closing.stop(n)).isNull();
                }
            });
            go.await();
            closing.close();
            other.join();
        }
    }

    @Test
    void theThreadStartsWithTheFirstWork() {
        QueueWorker idle = new QueueWorker("idle");
        assertThat(idle.stop(0)).isNull();
        assertThat(idle.isStarted()).isFalse();
        idle.close();
        idle.close();
        idle.execute(() -> {});
        assertThatThrownBy(() -> idle.start(resources(0), queue -> {})).isInstanceOf(IllegalStateException.class);
        assertThat(idle.isStarted()).isFalse();
        assertThat(worker.isStarted()).isFalse();
        settle();
        assertThat(worker.isStarted()).isTrue();
    }

    @Test
    void aWorkerCanCloseItself() {
        QueueWorker own = new QueueWorker("own");
        own.execute(own::close);
        own.close();
        assertThat(own.stop(0)).isNull();
    }
}
