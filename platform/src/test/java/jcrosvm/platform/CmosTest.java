package jcrosvm.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.bus.Bus;
import jcrosvm.bus.testing.FakeClock;
import jcrosvm.bus.testing.FakeLine;
import org.junit.jupiter.api.Test;

class CmosTest {
    private final FakeClock clock = new FakeClock();
    private final FakeLine irq = new FakeLine();
    private final AtomicInteger alarms = new AtomicInteger();
    private final Cmos cmos = new Cmos(clock, irq, alarms::incrementAndGet, 3L << 30, 5L << 30, 3);
    private final Bus ports = Bus.ports();

    CmosTest() {
        cmos.attach(ports);
    }

    private int get(int register) {
        ports.write(0x70, 1, register | 0x80);
        return (int) ports.read(0x71, 1);
    }

    private void set(int register, int value) {
        ports.write(0x70, 1, register);
        ports.write(0x71, 1, value);
    }

    private String time() {
        return "%02x%02x-%02x-%02x %02x:%02x:%02x/%d"
                .formatted(get(0x32), get(9), get(8), get(7), get(4), get(2), get(0), get(6));
    }

    @Test
    void countsThroughALeapDay() {
        assertThat(time()).isEqualTo("2024-02-28 23:59:58/4");
        clock.advanceMillis(2000);
        assertThat(time()).isEqualTo("2024-02-29 00:00:00/5");
        assertThat(get(0x0d)).isEqualTo(0x80);
        assertThat(clock.armed()).isZero();
    }

    @Test
    void showsBinaryAndTwelveHours() {
        set(0x0b, 0x04);
        assertThat(get(0)).isEqualTo(58);
        assertThat(get(4)).isEqualTo(11 | 0x80);
        clock.advanceMillis(2000);
        assertThat(get(4)).isEqualTo(12);
    }

    @Test
    void warnsOfAnUpdate() {
        assertThat(get(0x0a)).isEqualTo(0x26);
        clock.advanceMillis(999);
        assertThat(get(0x0a)).isEqualTo(0xa6);
        set(0x0b, 0x82);
        assertThat(get(0x0a)).isEqualTo(0x26);
    }

    @Test
    void guestSetsTheTime() {
        set(0x0b, 0x82);
        set(0x32, 0x19);
        set(9, 0x99);
        set(8, 0x12);
        set(7, 0x31);
        set(4, 0x23);
        set(2, 0x59);
        set(0, 0x59);
        clock.advanceMillis(5000);
        assertThat(time()).isEqualTo("1999-12-31 23:59:59/4");
        set(0x0b, 0x02);
        clock.advanceMillis(1000);
        assertThat(time()).isEqualTo("2000-01-01 00:00:00/7");
        set(8, 0x77); // no such month: ignored
        assertThat(time()).isEqualTo("2000-01-01 00:00:00/7");
    }

    @Test
    void alarmRingsOnceAtItsTimeAndDay() {
        set(1, 0x05);
        set(3, 0x00);
        set(5, 0x00);
        set(Cmos.DAY_ALARM, 0x01);
        set(Cmos.MONTH_ALARM, 0x03);
        set(0x0b, 0x22);
        clock.advanceMillis(24 * 3600 * 1000 + 6_000);
        assertThat(irq.isUp()).isFalse();
        clock.advanceMillis(1000);
        assertThat(time()).isEqualTo("2024-03-01 00:00:05/6");
        assertThat(irq.isUp()).isTrue();
        assertThat(alarms).hasValue(1);
        assertThat(get(0x0c)).isEqualTo(0xf0); // all flags: the periodic one comes without being enabled
        assertThat(irq.isUp()).isFalse();
        assertThat(get(0x0c)).isZero();
        set(0x0b, 0x02);
        assertThat(clock.armed()).isZero();
    }

    @Test
    void alarmWithoutDayRingsDaily() {
        set(1, 0);
        set(3, 0);
        set(5, 0);
        set(0x0b, 0x22);
        for (int day = 1; day <= 3; day++) {
            clock.advanceMillis(24 * 3600 * 1000);
            assertThat(alarms).hasValue(day);
            get(0x0c);
        }
    }

    @Test
    void wildcardsRingEverySecond() {
        set(1, 0xff);
        set(3, 0xff);
        set(5, 0xff);
        set(0x0b, 0x22);
        clock.advanceMillis(3000);
        assertThat(alarms).hasValue(3);
    }

    @Test
    void impossibleAlarmNeverRings() {
        set(1, 0x61);
        set(0x0b, 0x22);
        assertThat(clock.armed()).isZero();
        set(1, 0);
        set(Cmos.DAY_ALARM, 0x31);
        set(Cmos.MONTH_ALARM, 0x02);
        assertThat(clock.armed()).isZero();
    }

    @Test
    void alarmDuringSuspendRingsOnResume() {
        set(1, 0x10);
        set(3, 0x00);
        set(5, 0x00);
        set(0x0b, 0x22);
        cmos.suspend();
        clock.advanceMillis(20_000);
        assertThat(alarms).hasValue(0);
        cmos.resume();
        assertThat(alarms).hasValue(1);
        assertThat(irq.isUp()).isTrue();
    }

    @Test
    void updateInterruptComesEachSecond() {
        set(0x0b, 0x12);
        for (int i = 1; i <= 3; i++) {
            clock.advanceMillis(1000);
            assertThat(irq.edges()).isEqualTo(i);
            assertThat(get(0x0c)).isEqualTo(0xd0); // the periodic flag is set too
        }
        clock.advanceMillis(5000);
        assertThat(irq.edges()).isEqualTo(4); // not before it is acknowledged
    }

    @Test
    void periodicInterruptHasItsRate() {
        set(0x0a, 0x26); // 1024 Hz
        set(0x0b, 0x42);
        int n = 0;
        for (int i = 0; i < 10_000; i++) {
            clock.advance(100_000);
            if ((get(0x0c) & 0x40) != 0) {
                n++;
            }
        }
        assertThat(n).isEqualTo(1024);
        set(0x0b, 0x02);
        assertThat(clock.armed()).isZero();
    }

    @Test
    void showsMemorySizes() {
        assertThat(get(0x15) | get(0x16) << 8).isEqualTo(640);
        assertThat(get(0x34) | get(0x35) << 8).isEqualTo(((3 << 10) - 16) * 16);
        assertThat(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16).isEqualTo(5 * 1024 * 16);
        assertThat(get(0x5f)).isEqualTo(2); // vCPUs but one
        set(0x0f, 0x0a);
        assertThat(get(0x0f)).isEqualTo(0x0a);
    }
}
