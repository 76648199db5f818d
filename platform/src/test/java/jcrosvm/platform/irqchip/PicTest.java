package jcrosvm.platform.irqchip;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.bus.Bus;
import jcrosvm.bus.testing.Allocation;
import org.junit.jupiter.api.Test;

class PicTest {
    private final AtomicInteger kicks = new AtomicInteger();
    private final Pic pic = new Pic(kicks::incrementAndGet);
    private final Bus ports = Bus.ports();

    PicTest() {
        pic.attach(ports);
        initialize(1);
    }

    private void initialize(int icw4) {
        out(0x20, 0x11);
        out(0x21, 0x30);
        out(0x21, 4);
        out(0x21, icw4);
        out(0xa0, 0x11);
        out(0xa1, 0x38);
        out(0xa1, 2);
        out(0xa1, icw4);
    }

    private void out(int port, int value) {
        ports.write(port, 1, value);
    }

    private int in(int port) {
        return (int) ports.read(port, 1);
    }

    private void pulse(int irq) {
        pic.line(irq, true);
        pic.line(irq, false);
    }

    private int isr(int port) {
        out(port, 0x0b);
        return in(port);
    }

    @Test
    void servesByPriorityAndNests() {
        pulse(4);
        pulse(3);
        assertThat(pic.acknowledge()).isEqualTo(0x33);
        assertThat(pic.output()).isFalse(); // 4 is less urgent than what is in service
        pulse(1);
        assertThat(pic.output()).isTrue();
        assertThat(pic.acknowledge()).isEqualTo(0x31);
        assertThat(isr(0x20)).isEqualTo(0x0a);
        out(0x20, 0x20);
        out(0x20, 0x20);
        assertThat(pic.acknowledge()).isEqualTo(0x34);
        out(0x20, 0x64); // specific
        assertThat(pic.acknowledge()).isEqualTo(-1);
        assertThat(kicks).hasValue(3);
    }

    @Test
    void cascades() {
        pulse(12);
        pulse(8);
        pulse(3);
        assertThat(pic.acknowledge()).isEqualTo(0x38);
        assertThat(isr(0x20)).isEqualTo(4);
        assertThat(isr(0xa0)).isEqualTo(1);
        out(0xa0, 0x20);
        assertThat(pic.output()).isFalse();
        out(0x20, 0x20);
        assertThat(pic.acknowledge()).isEqualTo(0x3c);
        out(0xa0, 0x20);
        out(0x20, 0x20);
        assertThat(pic.acknowledge()).isEqualTo(0x33);
    }

    @Test
    void specialFullyNestedModeLetsTheSlaveInterruptItself() {
        initialize(0x11);
        pulse(12);
        assertThat(pic.acknowledge()).isEqualTo(0x3c);
        pulse(8);
        assertThat(pic.acknowledge()).isEqualTo(0x38);
    }

    @Test
    void masksAndReadsBack() {
        out(0x21, 0x10);
        pulse(4);
        assertThat(pic.output()).isFalse();
        out(0x20, 0x0a);
        assertThat(in(0x20)).isEqualTo(0x10);
        assertThat(in(0x21)).isEqualTo(0x10);
        out(0x21, 0);
        assertThat(pic.output()).isTrue();
    }

    @Test
    void levelTriggeredInputsStayRequested() {
        out(0x4d0, 0xff);
        out(0x4d1, 0xff);
        assertThat(in(0x4d0)).isEqualTo(0xf8);
        assertThat(in(0x4d1)).isEqualTo(0xde);
        assertThat(ports.read(0x4d0, 2)).isEqualTo(0xdef8);
        pic.line(5, true);
        assertThat(pic.acknowledge()).isEqualTo(0x35);
        out(0x20, 0x20);
        assertThat(pic.output()).isTrue();
        pic.line(5, false);
        assertThat(pic.output()).isFalse();
        assertThat(pic.acknowledge()).isEqualTo(-1);
    }

    @Test
    void automaticEndOfInterruptAndItsRotation() {
        initialize(3);
        pic.line(3, true);
        assertThat(pic.acknowledge()).isEqualTo(0x33);
        assertThat(isr(0x20)).isZero();
        out(0x20, 0x80); // rotate in automatic mode
        pulse(1);
        assertThat(pic.acknowledge()).isEqualTo(0x31);
        pulse(1);
        pulse(7);
        assertThat(pic.acknowledge()).isEqualTo(0x37);
        pulse(12);
        pulse(13);
        assertThat(pic.acknowledge()).isEqualTo(0x31);
        assertThat(pic.acknowledge()).isEqualTo(0x3c);
        assertThat(pic.acknowledge()).isEqualTo(0x3d);
    }

    @Test
    void rotatesOnEndOfInterrupt() {
        pulse(3);
        pic.acknowledge();
        out(0x20, 0xa0);
        pulse(3);
        pulse(4);
        assertThat(pic.acknowledge()).isEqualTo(0x34);
        out(0x20, 0xe4);
        out(0x20, 0xc2); // set priority: 3 is now the most urgent
        pulse(0);
        assertThat(pic.acknowledge()).isEqualTo(0x33);
    }

    @Test
    void specialMaskModeAdmitsLessUrgentOnes() {
        pulse(3);
        pic.acknowledge();
        pulse(5);
        assertThat(pic.output()).isFalse();
        out(0x21, 0x08);
        assertThat(pic.output()).isFalse();
        out(0x20, 0x68);
        assertThat(pic.acknowledge()).isEqualTo(0x35);
        out(0x20, 0x48);
        assertThat(isr(0x20)).isEqualTo(0x28);
    }

    @Test
    void polls() {
        pulse(6);
        out(0x20, 0x0c);
        assertThat(in(0x20)).isEqualTo(0x86);
        assertThat(isr(0x20)).isEqualTo(0x40);
        out(0x20, 0x0c);
        assertThat(in(0x20)).isZero();
        assertThat(pic.output()).isFalse();
    }

    @Test
    void initializationForgetsEdges() {
        pulse(4);
        initialize(1);
        assertThat(pic.output()).isFalse();
        pic.line(4, true);
        assertThat(pic.acknowledge()).isEqualTo(0x34);
    }

    @Test
    void acknowledgingAllocatesNothing() {
        long least = Allocation.leastOf(5, () -> {
            for (int i = 0; i < 10_000; i++) {
                pulse(4);
                pic.acknowledge();
                out(0x20, 0x20);
            }
        });
        assertThat(least).isLessThan(10_000);
    }
}
