package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import jcrosvm.memory.GuestMemory;
import jcrosvm.testkit.EchoDevice.Order;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rings as no driver should make them: the device fails or goes on, its worker lives, and nothing else happens. */
class HostileRingTest {
    private static final int SIZE = 16;
    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;
    /** Where the second region begins; between the two there is nothing. */
    private static final long SECOND = 64 << 20;

    static {
        Quiet.please();
    }

    private final EchoDevice device =
            new EchoDevice(Order.SHUFFLED, List.of(256, 256), VirtioFeatures.VIRTIO_F_RING_PACKED);

    private static GuestMemory memory() {
        return new GuestMemory(
                List.of(new GuestMemory.Range(0, 1 << 20), new GuestMemory.Range(SECOND, 1 << 16)),
                GuestMemory.Options.DEFAULT);
    }

    private MockDriver driver(Rings rings) {
        return new MockDriver(device, rings.features, memory());
    }

    /** A ring that one request is put into, by hand. */
    private static final class Raw {
        final MockDriver driver;
        final MockQueue queue;
        final boolean packed;

        Raw(MockDriver driver, Rings rings) {
            this.driver = driver;
            queue = driver.start(0, SIZE);
            packed = rings.packed();
        }

        /** Descriptor {@code at} of the table, or of the ring in its first lap. */
        Raw put(int at, long address, int length, int flags, int next) {
            if (packed) {
                queue.descriptor(at, address, length, flags | (at == 0 ? 0 : 0x80), at);
            } else {
                queue.descriptor(at, address, length, flags, next);
            }
            return this;
        }

        /** Makes descriptor 0 available. */
        Raw go() {
            GuestMemory memory = driver.memory();
            long flags = queue.layout().descriptors() + 14;
            if (packed) {
                memory.storeReleaseShort(flags, (short) (memory.getShort(flags) | 0x80));
            } else {
                queue.available(0);
            }
            queue.kick();
            return this;
        }
    }

    private void expect(Raw raw, boolean failure, String what) {
        assertThat(device.settle()).as("the worker lives").isTrue();
        assertThat(device.unexpected()).as(what).isNull();
        assertThat(raw.driver.failed()).as(what).isEqualTo(failure);
        raw.driver.reset();
        checkUse(raw.driver);
    }

    private void checkUse(MockDriver driver) {
        MockQueue queue = driver.start(1, 8);
        Buffer answer = queue.writable(3);
        queue.perform(queue.readable(new byte[] {1, 2, 3}), answer);
        assertThat(queue.content(answer)).containsExactly(1, 2, 3);
        driver.reset();
    }

    @ParameterizedTest
    @EnumSource
    void buffersOutsideOfMemory(Rings rings) {
        long[][] good = {
            {0, 16}, {(1 << 20) - 16, 16}, {(1 << 20) - 1, 1}, {SECOND, 1 << 16}, {0, 1 << 20}, {-1, 0}, {1 << 20, 0}
        };
        long[][] bad = {
            {1 << 20, 1},
            {(1 << 20) - 16, 17},
            {0, (1 << 20) + 1},
            {SECOND - 1, 2},
            {SECOND - 1, 1},
            {SECOND + (1 << 16), 1},
            {SECOND, (1 << 16) + 1},
            {0, 0xffffffffL},
            {0, 0x80000000L},
            {-1, 1},
            {-16, 16},
            {-16, 32},
            {-1, 2},
            {Long.MAX_VALUE, 1},
            {Long.MAX_VALUE, 0xffffffffL},
            {Long.MIN_VALUE, 1},
            {Long.MIN_VALUE, 0xffffffffL}
        };
        try (MockDriver driver = driver(rings)) {
            for (int flags : new int[] {0, WRITE}) {
                for (long[] range : good) {
                    Raw raw = new Raw(driver, rings).put(0, range[0], (int) range[1], flags, 0);
                    expect(raw.go(), false, "%x+%x".formatted(range[0], range[1]));
                }
                for (long[] range : bad) {
                    Raw raw = new Raw(driver, rings).put(0, range[0], (int) range[1], flags, 0);
                    expect(raw.go(), true, "%x+%x".formatted(range[0], range[1]));
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void chainsThatCannotBe(Rings rings) {
        try (MockDriver driver = driver(rings)) {
            Raw raw = new Raw(driver, rings);
            raw.put(0, 0x8000, 16, WRITE | NEXT, 1).put(1, 0x8000, 16, 0, 0);
            expect(raw.go(), true, "writable before readable");
            raw = new Raw(driver, rings);
            raw.put(0, 0x8000, 16, WRITE | NEXT, 1).put(1, 0x8000, 0, 0, 0);
            expect(raw.go(), true, "writable before an empty readable");
            raw = new Raw(driver, rings);
            for (int i = 0; i < SIZE; i++) {
                raw.put(i, 0x8000, i % 2, NEXT, (i + 1) % SIZE);
            }
            expect(raw.go(), true, "a chain without end");
            raw = new Raw(driver, rings);
            for (int i = 0; i < SIZE; i++) {
                raw.put(i, 0x8000, 1, i + 1 < SIZE ? NEXT : 0, i + 1);
            }
            expect(raw.go(), false, "a chain as long as the ring");
            if (!rings.packed()) {
                raw = new Raw(driver, rings);
                expect(raw.put(0, 0x8000, 0, NEXT, 0).go(), true, "a descriptor that follows itself");
                raw = new Raw(driver, rings);
                expect(raw.put(0, 0x8000, 16, NEXT, SIZE).go(), true, "no such descriptor");
                raw = new Raw(driver, rings);
                expect(raw.put(0, 0x8000, 16, NEXT, 0xffff).go(), true, "no such descriptor");
            }
        }
    }

    @Test
    void indicesThatCannotBe() {
        Rings rings = Rings.SPLIT_EVENT;
        try (MockDriver driver = driver(rings)) {
            for (int head : new int[] {SIZE, 0x7fff, 0x8000, 0xffff}) {
                Raw raw = new Raw(driver, rings);
                raw.queue.available(head);
                raw.queue.kick();
                expect(raw, true, "head " + head);
            }
            for (int index : new int[] {SIZE + 1, 0x7fff, 0x8000, 0xffff}) {
                Raw raw = new Raw(driver, rings).put(0, 0x8000, 16, 0, 0);
                driver.memory().storeReleaseShort(raw.queue.layout().driver() + 2, (short) index);
                raw.queue.kick();
                expect(raw, true, "index " + index);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void indirectTablesThatCannotBe(Rings rings) {
        try (MockDriver driver = driver(rings)) {
            GuestMemory memory = driver.memory();
            boolean refused = !rings.indirect();
            long table = 0x9000;
            long[][] bad = {
                {table, 0},
                {table, 15},
                {table, 17},
                {table, 0xfffffff0L},
                {(1 << 20) - 16, 32},
                {1 << 20, 16},
                {SECOND - 16, 32},
                {-16, 16},
                {-16, 32},
                {Long.MIN_VALUE, 16}
            };
            for (long[] range : bad) {
                Raw raw = new Raw(driver, rings).put(0, range[0], (int) range[1], INDIRECT, 0);
                expect(raw.go(), true, "table %x+%x".formatted(range[0], range[1]));
            }
            int chained = rings.packed() ? 0 : NEXT;
            for (long at : new long[] {table, table + 1, (1 << 20) - 32, SECOND}) {
                for (int flags : new int[] {INDIRECT, INDIRECT | WRITE}) {
                    entry(rings, memory, at, 0x8000, 4, chained, 1);
                    entry(rings, memory, at + 16, 0x8100, 4, WRITE, 0);
                    Raw raw = new Raw(driver, rings).put(0, at, 32, flags, 0);
                    expect(raw.go(), refused, "table at %x".formatted(at));
                }
            }
            Raw raw =
                    new Raw(driver, rings).put(0, table, 32, INDIRECT | NEXT, 1).put(1, 0x8000, 4, 0, 0);
            expect(raw.go(), true, "a table and NEXT");
            raw = new Raw(driver, rings).put(0, 0x8000, 4, NEXT, 1).put(1, table, 32, INDIRECT, 0);
            entry(rings, memory, table, 0x8000, 4, chained, 1);
            entry(rings, memory, table + 16, 0x8100, 4, WRITE, 0);
            expect(raw.go(), refused, "a table at the end of a chain");
            entry(rings, memory, table, table, 16, INDIRECT, 0);
            expect(new Raw(driver, rings).put(0, table, 16, INDIRECT, 0).go(), true, "a table in a table");
            entry(rings, memory, table, 0x8000, 4, WRITE | chained, 1);
            entry(rings, memory, table + 16, 0x8000, 4, 0, 0);
            expect(new Raw(driver, rings).put(0, table, 32, INDIRECT, 0).go(), true, "writable first, in a table");
            entry(rings, memory, table, 0x8000, 0, NEXT, 0);
            raw = new Raw(driver, rings).put(0, table, 0xfff0, INDIRECT, 0);
            expect(raw.go(), true, "a large table, in a split ring with a circle");
            if (!rings.packed()) {
                entry(rings, memory, table, 0x8000, 4, NEXT, 2);
                expect(new Raw(driver, rings).put(0, table, 32, INDIRECT, 0).go(), true, "an entry behind the table");
            }
        }
    }

    private static void entry(Rings rings, GuestMemory memory, long at, long address, int length, int flags, int next) {
        memory.putLong(at, address);
        memory.putInt(at + 8, length);
        memory.putShort(at + 12, (short) (rings.packed() ? 0x5555 : flags));
        memory.putShort(at + 14, (short) (rings.packed() ? flags : next));
    }

    @Test
    void moreRequestsThanTheRingHolds() {
        // The driver offers the same descriptor again and again, while a device keeps what it was given.
        EchoDevice late = new EchoDevice(Order.LATE, List.of(256, 256), 0);
        try (MockDriver driver = new MockDriver(late, Rings.SPLIT.features, memory())) {
            Raw raw = new Raw(driver, Rings.SPLIT).put(0, 0x8000, 16, 0, 0);
            for (int i = 0; i < 20_000; i++) {
                raw.queue.available(0);
                if (i % 7 == 0) {
                    raw.queue.kick();
                }
            }
            assertThat(late.settle()).isTrue();
            assertThat(late.unexpected()).isNull();
        }
    }

    @ParameterizedTest
    @EnumSource
    void arbitraryRings(Rings rings) {
        Random random = new Random(rings.ordinal());
        try (MockDriver driver = driver(rings)) {
            int failures = 0;
            for (int round = 0; round < 400; round++) {
                MockQueue queue = driver.start(0, rings.packed() ? 1 + random.nextInt(20) : 1 << random.nextInt(5));
                for (int burst = 0; burst < 4; burst++) {
                    scribble(driver.memory(), queue.layout(), rings, random);
                    queue.kick();
                    assertThat(device.settle()).as("the worker lives").isTrue();
                }
                assertThat(device.unexpected()).isNull();
                failures += driver.failed() ? 1 : 0;
                driver.reset();
            }
            assertThat(failures).as("rings that were bad").isBetween(40, 400);
            checkUse(driver);
        }
    }

    /** Random descriptors that are often nearly right, tables for them, and something made available. */
    private static void scribble(GuestMemory memory, QueueLayout layout, Rings rings, Random random) {
        int entries = 48;
        long tables = 0x20000;
        for (int i = 0; i < layout.size() + entries; i++) {
            boolean table = i >= layout.size();
            long at = table ? tables + 16L * (i - layout.size()) : layout.descriptors() + 16L * i;
            int flags = random.nextInt(3) == 0 ? NEXT : 0;
            flags |= random.nextInt(3) == 0 ? WRITE : 0;
            boolean indirect = random.nextInt(table ? 100 : 6) == 0;
            flags |= indirect ? INDIRECT : 0;
            long address = indirect ? tables + 16L * random.nextInt(entries) : 0x40000 + random.nextInt(0x10000);
            int length = indirect ? 16 * (1 + random.nextInt(8)) : random.nextInt(200);
            if (random.nextInt(40) == 0) {
                address = random.nextLong();
            }
            if (random.nextInt(40) == 0) {
                length = random.nextInt();
            }
            int next = random.nextInt(layout.size() + (random.nextInt(20) == 0 ? 5 : 0));
            memory.putLong(at, address);
            memory.putInt(at + 8, length);
            if (rings.packed()) {
                flags |= random.nextBoolean() ? 0x80 : 0;
                flags |= random.nextInt(3) == 0 ? 0x8000 : 0;
                memory.putShort(at + 12, (short) random.nextInt());
                memory.putShort(at + 14, (short) flags);
            } else {
                memory.putShort(at + 12, (short) flags);
                memory.putShort(at + 14, (short) next);
                memory.putShort(layout.driver() + 4 + 2L * (i % layout.size()), (short) next);
            }
        }
        if (rings.packed()) {
            memory.putInt(layout.driver(), random.nextInt());
        } else {
            int ahead = random.nextInt(30) == 0 ? random.nextInt(0x10000) : random.nextInt(layout.size() + 1);
            int used = memory.getShort(layout.device() + 2);
            memory.storeReleaseShort(layout.driver() + 2, (short) (used + ahead));
        }
    }

    @ParameterizedTest
    @EnumSource
    void ringsThatChangeMeanwhile(Rings rings) throws InterruptedException {
        changing(rings, 200);
    }

    @Tag("long")
    @ParameterizedTest
    @EnumSource
    void ringsThatChangeMeanwhileForLong(Rings rings) throws InterruptedException {
        changing(rings, 20_000);
    }

    private void changing(Rings rings, int millis) throws InterruptedException {
        try (MockDriver driver = driver(rings)) {
            Random random = new Random(rings.ordinal());
            long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
            while (System.nanoTime() < end) {
                MockQueue queue = driver.start(0, SIZE);
                Thread other = Thread.ofPlatform().start(() -> {
                    Random own = new Random(random.nextLong());
                    for (int i = 0; i < 100; i++) {
                        scribble(driver.memory(), queue.layout(), rings, own);
                    }
                });
                while (other.isAlive() && !driver.failed()) {
                    queue.kick();
                }
                other.join();
                assertThat(device.settle()).as("the worker lives").isTrue();
                assertThat(device.unexpected()).isNull();
                driver.reset();
            }
            checkUse(driver);
        }
    }
}
