package jcrosvm.network.user;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Random;
import jcrosvm.base.io.IoVec;
import org.junit.jupiter.api.Test;

/** Rings, ranges and checksums against plain models. */
class StructuresTest {
    @Test
    void packetRingIsAQueueThatMayBeFull() {
        Random random = new Random(1);
        PacketRing ring = new PacketRing(4096);
        ArrayDeque<byte[]> model = new ArrayDeque<>();
        MemorySegment memory = Arena.ofAuto().allocate(4096);
        IoVec into = new IoVec(2);
        int refused = 0;
        for (int i = 0; i < 100_000; i++) {
            if (random.nextInt(100) < 52) {
                byte[] frame = new byte[random.nextInt(14, 1500)];
                random.nextBytes(frame);
                if (ring.offer(ByteBuffer.wrap(frame), 0, 14, ByteBuffer.wrap(frame), 14, frame.length - 14)) {
                    model.add(frame);
                } else {
                    refused++;
                    assertThat(model.stream().mapToInt(f -> f.length).sum()).isGreaterThan(600);
                }
            } else if (!model.isEmpty()) {
                byte[] frame = model.poll();
                into.clear();
                into.add(memory, 0, 4096);
                assertThat(ring.poll(into, 12)).isEqualTo(frame.length);
                assertThat(memory.asSlice(12, frame.length).toArray(ValueLayout.JAVA_BYTE))
                        .isEqualTo(frame);
            }
            assertThat(ring.isEmpty()).isEqualTo(model.isEmpty());
        }
        assertThat(refused).isPositive();
    }

    @Test
    void rangesAreSets() {
        Random random = new Random(2);
        for (int round = 0; round < 500; round++) {
            int base = random.nextInt();
            SequenceRanges ranges = new SequenceRanges(8);
            BitSet model = new BitSet();
            for (int i = 0; i < 60; i++) {
                int from = random.nextInt(500);
                int to = from + random.nextInt(1, 40);
                if (random.nextInt(5) == 0) {
                    ranges.dropBefore(base + from);
                    model.clear(0, from);
                } else if (ranges.add(base + from, base + to)) {
                    model.set(from, to);
                }
                assertThat(ranges.length()).isEqualTo(model.cardinality());
                int at = 0;
                for (int r = 0; r < ranges.count(); r++) {
                    int start = model.nextSetBit(at);
                    at = model.nextClearBit(start);
                    assertThat(ranges.start(r)).isEqualTo(base + start);
                    assertThat(ranges.end(r)).isEqualTo(base + at);
                }
                assertThat(model.nextSetBit(at)).isEqualTo(-1);
            }
        }
    }

    @Test
    void checksumsAreThoseOfTheStandard() {
        // The example of RFC 1071, 3
        ByteBuffer bytes =
                ByteBuffer.wrap(new byte[] {0, 1, (byte) 0xf2, 3, (byte) 0xf4, (byte) 0xf5, (byte) 0xf6, (byte) 0xf7});
        assertThat(Checksum.fold(Checksum.sum(bytes, 0, 8))).isEqualTo(0xddf2);
        Random random = new Random(3);
        for (int i = 0; i < 1000; i++) {
            byte[] data = new byte[random.nextInt(70_000) & (1 << random.nextInt(17)) - 1];
            random.nextBytes(data);
            long sum = 0;
            for (int k = 0; k < data.length; k++) {
                sum += (data[k] & 0xff) << (k % 2 == 0 ? 8 : 0);
            }
            assertThat(Checksum.of(Checksum.sum(ByteBuffer.wrap(data), 0, data.length)))
                    .isEqualTo(Checksum.of(sum));
        }
    }

    @Test
    void aRingsChecksumGoesAroundItsEnd() {
        Random random = new Random(4);
        ByteRing ring = new ByteRing(256);
        byte[] data = new byte[256];
        for (int i = 0; i < 2000; i++) {
            random.nextBytes(data);
            int skip = random.nextInt(256);
            ring.extend(skip);
            ring.consume(skip);
            ring.place(0, ByteBuffer.wrap(data), 0, 256);
            ring.extend(256);
            int from = random.nextInt(256);
            int length = random.nextInt(257 - from);
            assertThat(Checksum.of(ring.sum(from, length)))
                    .isEqualTo(Checksum.of(Checksum.sum(ByteBuffer.wrap(data), from, length)));
            ring.consume(256);
        }
    }
}
