package jcrosvm.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import jcrosvm.base.io.Mapping;
import jcrosvm.base.io.SharedMemory;
import org.junit.jupiter.api.Test;

/** Regions that come and go while threads read and write all over them. */
class RegionRaceTest {
    private static final int PLACES = 6;
    private static final long SIZE = 4 * Mapping.PAGE;
    private static final int THREADS = 3;
    private static final long WRITTEN = 1L << 63;

    private final GuestMemory memory = GuestMemory.of(List.of());
    private final ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong misses = new AtomicLong();
    private volatile boolean isOver;

    /** Every long of the region at a place says which place that is. */
    private static long place(long value) {
        return value >>> 32 & 0xff;
    }

    private void readAndWrite(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        MemorySegment late = MemorySegment.ofArray(new long[1]);
        long latePlace = 0;
        while (!isOver) {
            long place = random.nextLong(PLACES) + 1;
            long address = place * SIZE + random.nextLong(SIZE / 8) * 8;
            try {
                long value = random.nextBoolean() ? memory.getLong(address) : memory.loadAcquireLong(address);
                check(value, place);
                memory.putLong(address, WRITTEN | place << 32 | random.nextInt(1 << 20));
                if (random.nextInt(100) == 0) {
                    late = memory.slice(address, 8);
                    latePlace = place;
                }
                reads.incrementAndGet();
            } catch (GuestMemoryException e) {
                misses.incrementAndGet();
            }
            if (latePlace != 0) {
                check(late.get(ValueLayout.JAVA_LONG, 0), latePlace);
                late.set(ValueLayout.JAVA_LONG, 0, WRITTEN | latePlace << 32);
            }
        }
    }

    private static void check(long value, long place) {
        if (value != 0 && place(value) != place) {
            throw new AssertionError("%x at place %d".formatted(value, place));
        }
    }

    @Test
    void noAccessReachesAPageThatWasTakenAway() throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        for (int n = 0; n < THREADS; n++) {
            long seed = n;
            threads.add(Thread.ofPlatform().start(() -> {
                try {
                    readAndWrite(seed);
                } catch (Throwable e) {
                    failures.add(e);
                }
            }));
        }
        SplittableRandom random = new SplittableRandom(9);
        SharedMemory[] files = new SharedMemory[PLACES + 1];
        MemoryRegion[] regions = new MemoryRegion[PLACES + 1];
        for (int i = 0; i < 3000 && failures.isEmpty(); i++) {
            int place = random.nextInt(PLACES) + 1;
            if (regions[place] == null) {
                files[place] = SharedMemory.create("race", SIZE);
                MemorySegment content =
                        Mapping.shared(files[place].fd(), 0, SIZE).segment();
                for (long at = 0; at < SIZE; at += 8) {
                    content.set(ValueLayout.JAVA_LONG, at, (long) place << 32 | i);
                }
                regions[place] =
                        new MemoryRegion(place * SIZE, SIZE, files[place].fd().duplicate(), 0);
                memory.add(regions[place]);
                check(memory.getLong(place * SIZE), place);
                spin(random.nextLong(100_000));
            } else {
                memory.remove(regions[place]);
                assertThatThrownBy(() -> memory.getLong(place * SIZE)).isInstanceOf(GuestMemoryException.class);
                MemorySegment content =
                        Mapping.shared(files[place].fd(), 0, SIZE).segment();
                long[] before = content.toArray(ValueLayout.JAVA_LONG);
                spin(20_000);
                assertThat(content.toArray(ValueLayout.JAVA_LONG)).isEqualTo(before);
                regions[place] = null;
                files[place].close();
            }
        }
        isOver = true;
        for (Thread thread : threads) {
            thread.join(20_000);
            assertThat(thread.isAlive()).isFalse();
        }
        assertThat(failures).isEmpty();
        assertThat(reads.get()).isGreaterThan(1000);
        assertThat(misses.get()).isGreaterThan(1000);
        memory.close();
    }

    private static void spin(long nanos) {
        long until = System.nanoTime() + nanos;
        while (System.nanoTime() < until) {
            Thread.onSpinWait();
        }
    }

    @Test
    void everyWriteOfEveryThreadIsHeardOnce() throws InterruptedException {
        int writes = 20_000;
        try (GuestMemory ram = GuestMemory.ofSize(Mapping.PAGE)) {
            AtomicLong first = new AtomicLong();
            AtomicLong second = new AtomicLong();
            ram.addWriteListener((address, length) -> first.addAndGet(length));
            ram.addWriteListener((address, length) -> second.addAndGet(length));
            List<Thread> threads = new ArrayList<>();
            for (int n = 0; n < THREADS; n++) {
                threads.add(Thread.ofPlatform().start(() -> {
                    for (int i = 0; i < writes; i++) {
                        ram.putLong(i % 512 * 8L, i);
                    }
                }));
            }
            for (int i = 0; i < 200; i++) { // others that come and go make no difference
                WriteListener other = (address, length) -> {};
                ram.addWriteListener(other);
                ram.removeWriteListener(other);
            }
            for (Thread thread : threads) {
                thread.join();
            }
            assertThat(first).hasValue(8L * THREADS * writes);
            assertThat(second).hasValue(8L * THREADS * writes);
        }
    }
}
