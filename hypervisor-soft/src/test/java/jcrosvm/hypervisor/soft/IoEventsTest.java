package jcrosvm.hypervisor.soft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.OptionalLong;
import jcrosvm.base.OsException;
import jcrosvm.base.io.EventFd;
import jcrosvm.hypervisor.IoEventAddress;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class IoEventsTest {
    private final IoEvents events = new IoEvents();
    private final EventFd one = new EventFd();
    private final EventFd two = new EventFd();

    @AfterEach
    void close() {
        one.close();
        two.close();
    }

    @Test
    void matchesSpaceAddressAndSize() {
        events.add(IoEventAddress.mmio(0x1000, 4), one);
        assertThat(events.written(false, 0x1000, 4, 7)).isTrue();
        assertThat(events.written(true, 0x1000, 4, 7)).isFalse();
        assertThat(events.written(false, 0x1004, 4, 7)).isFalse();
        assertThat(events.written(false, 0x1000, 2, 7)).isFalse();
        assertThat(one.drain()).isEqualTo(1);
    }

    @Test
    void matchesValues() {
        events.add(IoEventAddress.port(0x90, 2).matching(1), one);
        events.add(IoEventAddress.port(0x90, 2).matching(2), two);
        assertThat(events.written(true, 0x90, 2, 2)).isTrue();
        assertThat(events.written(true, 0x90, 2, 3)).isFalse();
        assertThat(one.drain()).isZero();
        assertThat(two.drain()).isEqualTo(1);
    }

    @Test
    void anySize() {
        events.add(new IoEventAddress(false, 0x2000, 0, OptionalLong.empty()), one);
        for (int size = 1; size <= 8; size *= 2) {
            assertThat(events.written(false, 0x2000, size, -1)).isTrue();
        }
        assertThat(one.drain()).isEqualTo(4);
    }

    @Test
    void refusesWhatIsTakenAndWhatIsNotThere() {
        events.add(IoEventAddress.mmio(0x1000, 4).matching(5), one);
        events.add(IoEventAddress.mmio(0x1000, 4).matching(6), two);
        assertThatThrownBy(() -> events.add(IoEventAddress.mmio(0x1000, 4), two))
                .isInstanceOf(OsException.class);
        assertThatThrownBy(() -> events.remove(IoEventAddress.mmio(0x1000, 4).matching(5), two))
                .isInstanceOf(OsException.class);
        events.remove(IoEventAddress.mmio(0x1000, 4).matching(5), one);
        assertThat(events.written(false, 0x1000, 4, 5)).isFalse();
        assertThat(events.written(false, 0x1000, 4, 6)).isTrue();
    }
}
