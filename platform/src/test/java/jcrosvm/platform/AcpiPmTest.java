package jcrosvm.platform;

import static org.assertj.core.api.Assertions.assertThat;

import jcrosvm.bus.Bus;
import jcrosvm.bus.testing.FakeLine;
import org.junit.jupiter.api.Test;

class AcpiPmTest {
    private static final int BASE = 0xc000;
    private final FakeLine sci = new FakeLine();
    private final FakePower power = new FakePower();
    private final AcpiPm pm = new AcpiPm(sci, power);
    private final Bus ports = Bus.ports();

    AcpiPmTest() {
        pm.attach(ports, BASE);
    }

    @Test
    void isInAcpiModeFromTheStart() {
        assertThat(ports.read(BASE + 4, 2)).isEqualTo(1);
        ports.write(BASE + 4, 2, 0);
        assertThat(ports.read(BASE + 4, 2)).isEqualTo(1);
    }

    @Test
    void buttonRaisesTheSciUntilItsStatusIsCleared() {
        pm.pressPowerButton();
        assertThat(sci.isUp()).isFalse();
        ports.write(BASE + 2, 2, 0x100);
        assertThat(sci.isUp()).isTrue();
        assertThat(ports.read(BASE, 2)).isEqualTo(0x100);
        ports.write(BASE, 2, 0x200);
        assertThat(sci.isUp()).isTrue();
        ports.write(BASE, 2, 0x100);
        assertThat(sci.isUp()).isFalse();
        pm.pressSleepButton();
        assertThat(sci.isUp()).isFalse();
        ports.write(BASE, 4, 0x0200_0000L); // status and enable in one access
        assertThat(sci.isUp()).isTrue();
    }

    @Test
    void wakeStatusDoesNotInterrupt() {
        ports.write(BASE + 2, 2, 0xffff);
        pm.woken();
        assertThat(sci.isUp()).isFalse();
        assertThat(ports.read(BASE, 2)).isEqualTo(0x8000);
        pm.rtcAlarm();
        assertThat(ports.read(BASE, 2)).isEqualTo(0x8400);
        assertThat(sci.isUp()).isTrue();
    }

    @Test
    void sleepsAndPowersOff() {
        ports.write(BASE + 4, 2, 1 << 10 | 1);
        assertThat(power.asked).isEmpty();
        ports.write(BASE + 4, 2, 1 << 13 | 1 << 10 | 1);
        assertThat(power.asked).containsExactly("sleep");
        assertThat(ports.read(BASE + 4, 2)).isEqualTo(1 << 10 | 1);
        ports.write(BASE + 4, 2, 1 << 13);
        assertThat(power.asked).containsExactly("sleep", "off");
        ports.write(BASE + 4, 2, 1 << 13 | 7 << 10);
        assertThat(power.asked).hasSize(2);
    }

    @Test
    void generalPurposeEventsShareTheSci() {
        pm.raiseGpe(255);
        assertThat(sci.isUp()).isFalse();
        ports.write(BASE + 6 + 63, 1, 0x80);
        assertThat(sci.isUp()).isTrue();
        assertThat(ports.read(BASE + 6 + 31, 1)).isEqualTo(0x80);
        ports.write(BASE + 6 + 31, 1, 0x80);
        assertThat(sci.isUp()).isFalse();
    }
}
