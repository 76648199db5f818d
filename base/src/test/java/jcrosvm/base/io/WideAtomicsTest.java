package jcrosvm.base.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class WideAtomicsTest {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

    private final MemorySegment memory = Arena.ofAuto().allocate(128, 64);

    @BeforeEach
    void onlyHere() {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "machine code of another architecture");
    }

    @Test
    void sixteenBytes() {
        memory.set(LONG, 16, 1);
        memory.set(LONG, 24, 2);
        assertThat(WideAtomics.compareAndSet(memory, 16, 1, 3, 8, 9)).isFalse();
        assertThat(memory.get(LONG, 24)).isEqualTo(2);
        assertThat(WideAtomics.compareAndSet(memory, 16, 1, 2, 8, 9)).isTrue();
        assertThat(memory.get(LONG, 16)).isEqualTo(8);
        assertThat(memory.get(LONG, 24)).isEqualTo(9);
        assertThat(memory.get(LONG, 32)).isZero();
    }

    @Test
    void misaligned() {
        for (int size = 2; size <= 8; size *= 2) {
            long mask = -1L >>> 64 - 8 * size;
            memory.fill((byte) 0x55);
            assertThat(WideAtomics.compareAndSet(memory, 63, size, 0x5555555555555554L, 1))
                    .isFalse();
            assertThat(WideAtomics.compareAndSet(memory, 63, size, 0x5555555555555555L, 0x0123456789abcdefL))
                    .isTrue();
            assertThat(memory.get(LONG, 63)).isEqualTo(0x0123456789abcdefL & mask | 0x5555555555555555L & ~mask);
        }
    }

    @Test
    void outsideIsRefused() {
        assertThatThrownBy(() -> WideAtomics.compareAndSet(memory, 121, 8, 0, 0))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> WideAtomics.compareAndSet(memory, 8, 0, 0, 0, 0))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
