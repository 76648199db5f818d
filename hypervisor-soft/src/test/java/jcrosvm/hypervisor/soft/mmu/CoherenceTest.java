package jcrosvm.hypervisor.soft.mmu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.MemorySlot;
import jcrosvm.hypervisor.soft.cpu.Pending;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class CoherenceTest {
    private static final int PROCESSORS = 4;

    private final PhysicalMemory memory = new PhysicalMemory();
    private final Mapping ram = Mapping.anonymous(1 << 20);
    private final List<TestMachine> machines = new ArrayList<>();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean stop;

    private interface Work {
        void run(TestMachine machine, Random random) throws InterruptedException;
    }

    CoherenceTest() {
        MemorySlot slot = memory.add(0, ram.segment(), false);
        for (int i = 0; i < PROCESSORS; i++) {
            machines.add(new TestMachine(memory, ram, slot, i));
        }
    }

    private void start(Runnable body) {
        threads.add(Thread.ofPlatform().start(() -> {
            try {
                body.run();
            } catch (Throwable e) {
                failure.compareAndSet(null, e);
                stop = true;
            }
        }));
    }

    /** Runs a processor the way its run loop does: work inside, a look at what is pending in between. */
    private void run(TestMachine machine, Work work) {
        start(() -> {
            Random random = new Random(machine.cpu.id());
            Coherence.Processor processor = machine.mmu.processor();
            processor.enter();
            try {
                while (!stop) {
                    work.run(machine, random);
                    if ((machine.cpu.pending() & Pending.COHERENCE) != 0) {
                        processor.safepoint();
                    }
                }
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            } finally {
                processor.leave();
            }
        });
    }

    /** Lets them run for a time, and longer on a busy machine that has not seen enough. */
    private void finish(long milliseconds, BooleanSupplier enough) throws InterruptedException {
        long start = System.nanoTime();
        while (!stop) {
            long time = (System.nanoTime() - start) / 1_000_000;
            if (time > milliseconds && enough.getAsBoolean() || time > 30_000) {
                break;
            }
            Thread.sleep(5);
        }
        stop = true;
        for (Thread thread : threads) {
            thread.join(TimeUnit.SECONDS.toMillis(20));
            assertThat(thread.isAlive()).as("a thread hangs").isFalse();
        }
        assertThat(failure.get()).isNull();
    }

    @Test
    void nobodyIsInsideDuringASectionAndAllGetTheirTurn() throws InterruptedException {
        AtomicInteger owners = new AtomicInteger();
        AtomicInteger[] sections = new AtomicInteger[PROCESSORS + 1];
        for (int i = 0; i <= PROCESSORS; i++) {
            sections[i] = new AtomicInteger();
        }
        for (TestMachine machine : machines) {
            run(machine, (m, random) -> {
                if (owners.get() != 0) {
                    throw new AssertionError("inside while another has the section");
                }
                switch (random.nextInt(60)) {
                    case 0 -> section(owners, sections[m.cpu.id()]);
                    case 1 -> {
                        m.mmu.processor().leave();
                        Thread.sleep(0, 50_000);
                        m.mmu.processor().enter();
                    }
                    default -> {}
                }
            });
        }
        start(() -> {
            while (!stop) {
                section(owners, sections[PROCESSORS]);
                Thread.yield();
            }
        });
        finish(1000, () -> Arrays.stream(sections).allMatch(c -> c.get() > 5));
        for (AtomicInteger count : sections) {
            assertThat(count.get()).isGreaterThan(5);
        }
    }

    private void section(AtomicInteger owners, AtomicInteger count) {
        memory.coherence().exclusive(() -> {
            if (owners.incrementAndGet() != 1) {
                throw new AssertionError("two owners");
            }
            memory.coherence().exclusive(count::incrementAndGet); // one within the other
            owners.decrementAndGet();
        });
    }

    @Test
    void aProcessorInsideItsDeviceDoesNotDelayASectionAndSectionsOfItsOwnWork() throws InterruptedException {
        ReentrantLock deviceLock = new ReentrantLock();
        AtomicLong writes = new AtomicLong();
        memory.codePages().listen((page, offset, length) -> {});
        Outside device = new Outside() {
            @Override
            public long portRead(int port, int size) {
                return 0;
            }

            @Override
            public void portWrite(int port, int size, long value) {}

            @Override
            public long mmioRead(long address, int size) {
                return 0;
            }

            /** With its lock held it writes to code, for which all processors must stop: also those at the lock. */
            @Override
            public void mmioWrite(long address, int size, long value) {
                deviceLock.lock();
                try {
                    memory.codePages().mark(0x3000);
                    memory.written(0x3000, 16);
                    writes.incrementAndGet();
                } finally {
                    deviceLock.unlock();
                }
            }
        };
        for (TestMachine machine : machines) {
            Mmu mmu = new Mmu(machine.cpu, memory, device);
            start(() -> {
                mmu.processor().enter();
                while (!stop) {
                    mmu.write(0xfee0_0000L, 4, 1);
                    mmu.processor().safepoint();
                }
                mmu.processor().leave();
            });
        }
        finish(500, () -> writes.get() > 20);
        assertThat(writes.get()).isGreaterThan(20);
    }

    @Test
    void anExceptionOfASectionComesOutAndEndsIt() {
        Coherence coherence = memory.coherence();
        Coherence.Processor processor = machines.get(0).mmu.processor();
        processor.enter();
        assertThatThrownBy(() -> coherence.exclusive(() -> {
                    throw new IllegalStateException("so");
                }))
                .hasMessage("so");
        assertThat(processor.inside()).isTrue();
        AtomicInteger ran = new AtomicInteger();
        coherence.exclusive(ran::incrementAndGet);
        assertThat(ran.get()).isEqualTo(1);
        processor.leave();
    }

    /**
     * Every processor keeps the decoded form (here: a checksum) of pieces of code, and writes into the same pages all
     * the time; so does a device. When all instructions have come to their ends, what is kept is what is in memory.
     */
    @Test
    void keptCodeIsWhatIsInMemory() throws InterruptedException {
        long[] kept = new long[4 * 64];
        boolean[] valid = new boolean[kept.length];
        AtomicInteger drops = new AtomicInteger();
        AtomicInteger checks = new AtomicInteger();
        memory.codePages().listen((page, offset, length) -> {
            for (int chunk = offset / 64; chunk < (offset + length) / 64; chunk++) {
                valid[(int) (page >> 12) * 64 + chunk] = false;
            }
            drops.incrementAndGet();
        });
        CyclicBarrier instructions = new CyclicBarrier(PROCESSORS + 1, () -> {
            for (int chunk = 0; chunk < kept.length; chunk++) {
                if (valid[chunk] && kept[chunk] != sum(chunk)) {
                    throw new AssertionError("chunk " + chunk + " is stale");
                }
            }
            checks.incrementAndGet();
        });
        for (TestMachine machine : machines) {
            int[] step = new int[1];
            run(machine, (m, random) -> {
                int chunk = random.nextInt(kept.length);
                switch (random.nextInt(8)) {
                    case 0, 1 -> {
                        memory.codePages().mark(chunk * 64L, 64);
                        long sum = sum(chunk);
                        synchronized (kept) {
                            kept[chunk] = sum;
                            valid[chunk] = true;
                        }
                    }
                    default -> write(m.mmu, random, chunk * 64L);
                }
                if (++step[0] % 50 == 0) {
                    m.mmu.processor().leave();
                    await(instructions);
                    m.mmu.processor().enter();
                }
            });
        }
        start(() -> {
            Random random = new Random();
            for (int step = 1; !stop; step++) {
                long address = random.nextInt(kept.length * 8) * 8L;
                ram.segment().set(ValueLayout.JAVA_LONG, address, random.nextLong());
                memory.written(address, 8);
                if (step % 10 == 0) {
                    await(instructions);
                }
            }
        });
        finish(2000, () -> drops.get() > 300 && checks.get() > 20);
        assertThat(drops.get()).isGreaterThan(300);
        assertThat(checks.get()).isGreaterThan(20);
    }

    private static void write(Mmu mmu, Random random, long chunk) {
        long address = chunk + 8 * random.nextInt(8);
        switch (random.nextInt(4)) {
            case 0 -> {
                long old = mmu.read(address, 8);
                mmu.compareAndSet(address, 8, old, old + 1);
            }
            case 1 -> {
                MemorySegment range = mmu.ram(chunk, 64, true);
                if (range != null) {
                    range.set(ValueLayout.JAVA_LONG, 8 * random.nextInt(8), random.nextLong());
                }
            }
            case 2 -> mmu.write(chunk, MemorySegment.ofArray(new long[] {random.nextLong(), random.nextLong()}));
            default -> mmu.write(address, 8, random.nextLong());
        }
    }

    private void await(CyclicBarrier barrier) {
        try {
            barrier.await(stop ? 0 : 10, TimeUnit.SECONDS);
        } catch (TimeoutException | BrokenBarrierException e) {
            barrier.reset();
            if (!stop) {
                throw new AssertionError(e);
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private long sum(int chunk) {
        long sum = 0;
        for (int i = 0; i < 8; i++) {
            sum = sum * 31 + machines.get(0).physical(chunk * 64L + i * 8);
        }
        return sum;
    }

    @Test
    void pageCrossingCompareAndSetIsAtomicAmongProcessors() throws InterruptedException {
        long[] done = new long[PROCESSORS];
        for (TestMachine machine : machines) {
            run(machine, (m, random) -> {
                long old = m.mmu.read(0x8ffd, 8);
                if (random.nextInt(20) == 0 && m.mmu.compareAndSet(0x8ffd, 8, old, old + 1)) {
                    done[m.cpu.id()]++;
                }
            });
        }
        finish(500, () -> Arrays.stream(done).allMatch(d -> d > 0));
        long sum = 0;
        for (long d : done) {
            sum += d;
        }
        assertThat(machines.get(0).mmu.read(0x8ffd, 8)).isEqualTo(sum).isPositive();
    }

    @Test
    void aSlotIsRemovedAndAddedWhileProcessorsUseIt() throws InterruptedException {
        Mapping extra = Mapping.anonymous(0x4000);
        AtomicInteger gone = new AtomicInteger();
        for (TestMachine machine : machines) {
            machine.answer = -1;
            run(machine, (m, random) -> {
                m.mmu.write(0x200000 + 8 * random.nextInt(0x800), 8, 1);
                m.mmu.read(0x200000 + 8 * random.nextInt(0x800), 8);
                m.device.clear();
            });
        }
        start(() -> {
            while (!stop) {
                MemorySlot slot = memory.add(0x200000, extra.segment(), false);
                Thread.yield();
                slot.close();
                extra.segment().fill((byte) 0);
                for (int i = 0; i < 10; i++) {
                    if (extra.segment().mismatch(MemorySegment.ofArray(new byte[0x4000])) != -1) {
                        throw new AssertionError("somebody wrote to memory that was removed");
                    }
                }
                gone.incrementAndGet();
            }
        });
        finish(500, () -> gone.get() > 5);
        assertThat(gone.get()).isGreaterThan(5);
    }

    @Test
    void theDirtyLogMissesNoWrite() throws InterruptedException {
        // Each processor counts up in pages of its own; whenever a page changed between two looks, the log says so.
        MemorySlot slot = machines.getFirst().slot;
        slot.logDirty(true);
        for (TestMachine machine : machines) {
            run(machine, (m, random) -> {
                long at = 0x10000 * (m.cpu.id() + 1) + 0x1000 * random.nextInt(16);
                m.mmu.write(at, 8, m.mmu.read(at, 8) + 1);
            });
        }
        AtomicInteger logged = new AtomicInteger();
        start(() -> {
            long[] copy = new long[256];
            while (!stop) {
                long[] log = slot.dirty();
                memory.coherence().exclusive(() -> {
                    long[] later = slot.dirty();
                    for (int page = 0; page < 256; page++) {
                        long now = machines.get(0).physical(page * 4096L);
                        boolean dirty = ((log[page >> 6] | later[page >> 6]) >>> page & 1) != 0;
                        if (now != copy[page] && !dirty) {
                            throw new AssertionError("page " + page + " changed behind the log's back");
                        }
                        logged.addAndGet(dirty ? 1 : 0);
                        copy[page] = now;
                    }
                });
            }
        });
        finish(500, () -> logged.get() > 100);
        assertThat(logged.get()).isGreaterThan(100);
    }

    @Test
    void waitsForAProcessorUntilItLeaves() throws InterruptedException {
        TestMachine machine = machines.get(0);
        machine.mmu.processor().enter();
        CountDownLatch ran = new CountDownLatch(1);
        start(() -> memory.coherence().exclusive(ran::countDown));
        while ((machine.cpu.pending() & Pending.COHERENCE) == 0) {
            Thread.sleep(1);
        }
        assertThat(ran.await(20, TimeUnit.MILLISECONDS)).isFalse();
        machine.mmu.processor().leave();
        assertThat(ran.await(10, TimeUnit.SECONDS)).isTrue();
        finish(0, () -> true);
    }
}
