package jcrosvm.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Mapping;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GuestMemoryTest {
    private static final long LOW = 0x10000;
    private static final long HIGH_BASE = 1L << 32;
    private static final long HIGH = 0x8000;

    private static GuestMemory withHole() {
        return new GuestMemory(
                List.of(new GuestMemory.Range(0, LOW), new GuestMemory.Range(HIGH_BASE, HIGH)),
                GuestMemory.Options.DEFAULT);
    }

    /** A flat array per region is the model. */
    @Test
    void behavesLikeArraysAndRefusesEverythingElse() {
        byte[] low = new byte[(int) LOW];
        byte[] high = new byte[(int) HIGH];
        long[] corners = {0, LOW, HIGH_BASE, HIGH_BASE + HIGH, Long.MAX_VALUE, Long.MIN_VALUE, -1, 1L << 31};
        SplittableRandom random = new SplittableRandom(7);
        try (GuestMemory memory = withHole()) {
            for (int i = 0; i < 200_000; i++) {
                long address = corners[random.nextInt(corners.length)] + random.nextInt(-16, 17);
                int size = 1 << random.nextInt(4);
                boolean inLow = address >= 0 && address <= LOW - size;
                boolean inHigh = address >= HIGH_BASE && address <= HIGH_BASE + HIGH - size;
                assertThat(memory.contains(address, size)).isEqualTo(inLow || inHigh);
                long value = random.nextLong();
                if (!inLow && !inHigh) {
                    assertThatThrownBy(() -> put(memory, address, size, value))
                            .isInstanceOf(GuestMemoryException.class);
                    assertThatThrownBy(() -> get(memory, address, size)).isInstanceOf(GuestMemoryException.class);
                    continue;
                }
                byte[] model = inLow ? low : high;
                int at = (int) (inLow ? address : address - HIGH_BASE);
                long expected = 0;
                for (int b = size - 1; b >= 0; b--) {
                    expected = expected << 8 | model[at + b] & 0xff;
                }
                assertThat(get(memory, address, size)).isEqualTo(expected);
                put(memory, address, size, value);
                for (int b = 0; b < size; b++) {
                    model[at + b] = (byte) (value >>> 8 * b);
                }
            }
            assertThat(memory.read(0, (int) LOW)).isEqualTo(low);
            assertThat(memory.read(HIGH_BASE, (int) HIGH)).isEqualTo(high);
        }
    }

    private static void put(GuestMemory memory, long address, int size, long value) {
        switch (size) {
            case 1 -> memory.putByte(address, (byte) value);
            case 2 -> memory.putShort(address, (short) value);
            case 4 -> memory.putInt(address, (int) value);
            default -> memory.putLong(address, value);
        }
    }

    private static long get(GuestMemory memory, long address, int size) {
        return switch (size) {
            case 1 -> memory.getByte(address) & 0xffL;
            case 2 -> memory.getShort(address) & 0xffffL;
            case 4 -> memory.getInt(address) & 0xffffffffL;
            default -> memory.getLong(address);
        };
    }

    @Test
    void rangesAcrossAHoleAreRefused() {
        try (GuestMemory memory = withHole()) {
            assertThatThrownBy(() -> memory.slice(LOW - 1, 2)).isInstanceOf(GuestMemoryException.class);
            assertThatThrownBy(() -> memory.slice(0, HIGH_BASE + 1)).isInstanceOf(GuestMemoryException.class);
            assertThatThrownBy(() -> memory.slice(0, -1)).isInstanceOf(GuestMemoryException.class);
            assertThatThrownBy(() -> memory.slice(1, Long.MAX_VALUE)).isInstanceOf(GuestMemoryException.class);
            assertThat(memory.slice(LOW, 0).byteSize()).isZero();
            assertThat(memory.size()).isEqualTo(LOW + HIGH);
        }
    }

    @Test
    void acquireAndReleaseNeedAlignment() {
        try (GuestMemory memory = withHole()) {
            memory.storeReleaseShort(8, (short) -2);
            memory.storeReleaseInt(16, 123);
            memory.storeReleaseLong(24, -5);
            assertThat(memory.loadAcquireShort(8)).isEqualTo((short) -2);
            assertThat(memory.loadAcquireInt(16)).isEqualTo(123);
            assertThat(memory.loadAcquireLong(24)).isEqualTo(-5);
            assertThatThrownBy(() -> memory.loadAcquireInt(18)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> memory.storeReleaseLong(HIGH_BASE - 8, 1))
                    .isInstanceOf(GuestMemoryException.class);
        }
    }

    @Test
    void filesMoveStraightInAndOut(@TempDir Path dir) throws Exception {
        byte[] content = new byte[5000];
        new SplittableRandom(3).nextBytes(content);
        Path in = Files.write(dir.resolve("in"), content);
        Path out = dir.resolve("out");
        try (GuestMemory memory = withHole();
                Fd from = Fd.open(in, Fd.O_RDONLY);
                Fd to = Fd.open(out, Fd.O_RDWR | Fd.O_CREAT, 0600)) {
            assertThat(memory.readFrom(from, 100, 0x1001, 6000)).isEqualTo(4900);
            memory.writeTo(to, 0, 0x1001, 4900);
            assertThat(Files.readAllBytes(out)).isEqualTo(java.util.Arrays.copyOfRange(content, 100, 5000));
            assertThatThrownBy(() -> memory.readFrom(from, 0, LOW - 10, 11)).isInstanceOf(GuestMemoryException.class);
        }
    }

    @Test
    void regionsShareTheirPagesThroughTheDescriptor() {
        try (GuestMemory memory = withHole()) {
            MemoryRegion region = memory.regions().get(1);
            memory.putInt(HIGH_BASE + 4096, 99);
            Mapping peer = Mapping.shared(region.fd(), 0, region.size());
            assertThat(peer.segment().get(java.lang.foreign.ValueLayout.JAVA_INT, 4096))
                    .isEqualTo(99);
        }
    }

    @Test
    void listenerHearsOfEveryWrite() {
        try (GuestMemory memory = withHole()) {
            List<String> writes = new ArrayList<>();
            WriteListener listener = (address, length) -> writes.add(address + "+" + length);
            memory.addWriteListener(listener);
            memory.putByte(1, (byte) 1);
            memory.storeReleaseInt(4, 1);
            memory.write(10, new byte[3]);
            memory.fill(20, 5, (byte) 9);
            memory.write(40, MemorySegment.ofArray(new byte[2]));
            memory.removeWriteListener(listener);
            memory.putLong(64, 1);
            assertThat(writes).containsExactly("1+1", "4+4", "10+3", "20+5", "40+2");
        }
    }

    /** A worker that is late must not be able to end the process. */
    @Test
    void lateAccessesReadZero() {
        GuestMemory memory = withHole();
        MemorySegment late = memory.slice(0, 8);
        memory.putLong(0, 42);
        memory.close();
        memory.close();
        assertThat(memory.getLong(0)).isZero();
        assertThat(late.get(java.lang.foreign.ValueLayout.JAVA_LONG, 0)).isZero();
    }

    @Test
    void badRangesAreRefused() {
        assertThatThrownBy(() -> GuestMemory.ofSize(100)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> GuestMemory.ofSize(0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new GuestMemory(
                        List.of(new GuestMemory.Range(0, 8192), new GuestMemory.Range(4096, 4096)),
                        GuestMemory.Options.DEFAULT))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
