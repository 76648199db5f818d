package jcrosvm.base.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.OsException;
import org.junit.jupiter.api.Test;

class SharedMemoryTest {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

    @Test
    void twoMappingsShowTheSamePages() {
        try (SharedMemory memory = SharedMemory.create("test", 8192)) {
            Mapping one = Mapping.shared(memory.fd(), 0, 8192);
            Mapping two = Mapping.reserve(1 << 20);
            two.mapShared(4096, 4096, memory.fd(), 4096, true);
            one.segment().set(LONG, 4096, 77);
            assertThat(two.segment().get(LONG, 4096)).isEqualTo(77);
            two.unmapPart(4096, 4096);
            one.unmap();
            one.unmap();
        }
    }

    @Test
    void discardedPagesReadZeroEvenAfterClose() {
        SharedMemory memory = SharedMemory.create("test", 4096);
        MemorySegment segment = Mapping.shared(memory.fd(), 0, 4096).segment();
        segment.set(LONG, 0, 5);
        memory.discard(0, 4096);
        memory.close();
        assertThat(segment.get(LONG, 0)).isZero();
    }

    /** A peer that holds the descriptor must not be able to make our accesses fault. */
    @Test
    void sizeIsSealed() {
        try (SharedMemory memory = SharedMemory.create("test", 8192)) {
            assertThatThrownBy(() -> memory.fd().truncate(4096)).isInstanceOf(OsException.class);
            assertThatThrownBy(() -> memory.fd().truncate(16384)).isInstanceOf(OsException.class);
        }
    }

    @Test
    void slicesOutsideAMappingAreRefused() {
        Mapping mapping = Mapping.anonymous(4096);
        assertThatThrownBy(() -> mapping.segment().get(ValueLayout.JAVA_BYTE, 4096))
                .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> mapping.unmapPart(0, 8192)).isInstanceOf(IndexOutOfBoundsException.class);
    }
}
