package jcrosvm.platform.serial;

import static org.assertj.core.api.Assertions.assertThat;

import jcrosvm.bus.testing.FakeLine;
import org.junit.jupiter.api.Test;

class Uart16550Test {
    private final FakeLine irq = new FakeLine();
    private final Uart16550 uart = new Uart16550("test", irq, null);

    private int in(int register) {
        return (int) uart.read(register, 1);
    }

    private void out(int register, int value) {
        uart.write(register, 1, value);
    }

    private boolean receive(String text) throws InterruptedException {
        for (char c : text.toCharArray()) {
            if (!uart.receive((byte) c, 0)) {
                return false;
            }
        }
        return true;
    }

    // The steps by which Linux's 8250 driver recognizes a 16550A.
    @Test
    void isRecognizedAsA16550A() {
        out(1, 0);
        assertThat(in(1) & 0x0f).isZero();
        out(1, 0x0f);
        assertThat(in(1) & 0x0f).isEqualTo(0x0f);
        out(1, 0);
        out(4, 0x1a); // loop, OUT2, RTS
        assertThat(in(6) & 0xf0).isEqualTo(0x90);
        out(4, 0);
        out(2, 1);
        assertThat(in(2) >> 6).isEqualTo(3);
        out(7, 0x5a);
        assertThat(in(7)).isEqualTo(0x5a);
        out(2, 0);
        assertThat(in(2) >> 6).isZero();
    }

    @Test
    void divisorLatchHidesDataAndInterruptEnable() {
        out(1, 5);
        out(3, 0x83);
        out(0, 1);
        out(1, 2);
        assertThat(in(0)).isEqualTo(1);
        assertThat(in(1)).isEqualTo(2);
        out(3, 3);
        assertThat(in(1)).isEqualTo(5);
        assertThat(in(3)).isEqualTo(3);
    }

    // The driver's start-up tests for transmitters that forget their interrupt.
    @Test
    void enablingTheTransmitterInterruptRaisesItEachTime() {
        out(4, 0x08);
        out(1, 2);
        assertThat(irq.isUp()).isTrue();
        assertThat(in(2)).isEqualTo(2);
        assertThat(irq.isUp()).isFalse();
        assertThat(in(2)).isEqualTo(1);
        out(1, 0);
        out(1, 2);
        assertThat(in(5)).isEqualTo(0x60);
        assertThat(in(2)).isEqualTo(2);
        out(0, 'x');
        assertThat(irq.isUp()).isTrue();
        assertThat(in(2)).isEqualTo(2);
        assertThat(in(2)).isEqualTo(1);
    }

    @Test
    void receives() throws InterruptedException {
        out(4, 0x08);
        out(2, 0x81); // FIFO, trigger at 8
        out(1, 1);
        assertThat(receive("abc")).isTrue();
        assertThat(irq.isUp()).isTrue();
        assertThat(in(2)).isEqualTo(0xcc);
        assertThat(receive("defgh")).isTrue();
        assertThat(in(2)).isEqualTo(0xc4);
        assertThat(in(5)).isEqualTo(0x61);
        StringBuilder text = new StringBuilder();
        while ((in(5) & 1) != 0) {
            text.append((char) in(0));
        }
        assertThat(text).hasToString("abcdefgh");
        assertThat(irq.isUp()).isFalse();
        assertThat(in(0)).isZero();
    }

    @Test
    void holdsTheSenderBackWhenFull() throws InterruptedException {
        for (int i = 0; i < Uart16550.QUEUE; i++) {
            assertThat(uart.receive((byte) i, 0)).isTrue();
        }
        assertThat(uart.receive((byte) 1, 1)).isFalse();
        for (int i = 0; i < Uart16550.QUEUE; i++) {
            assertThat(in(0)).isEqualTo(i);
        }
        assertThat(uart.receive((byte) 1, 0)).isTrue();
        out(2, 3); // clears the receiver
        assertThat(in(5) & 1).isZero();
    }

    @Test
    void loopsBack() throws InterruptedException {
        out(4, 0x18);
        out(1, 1);
        out(0, 'x');
        assertThat(irq.isUp()).isFalse(); // the pin is not driven in loopback
        assertThat(in(2)).isEqualTo(4);
        assertThat(in(0)).isEqualTo('x');
        assertThat(uart.receive((byte) 'y', 1)).isFalse();
        for (int i = 0; i <= Uart16550.QUEUE; i++) {
            out(0, i);
        }
        assertThat(in(5)).isEqualTo(0x63);
        assertThat(in(5)).isEqualTo(0x61);
    }

    @Test
    void loopsModemLinesWithDeltas() {
        assertThat(in(6)).isEqualTo(0xb0);
        out(4, 0x10);
        assertThat(in(6)).isEqualTo(0x0b);
        assertThat(in(6)).isEqualTo(0x00);
        out(4, 0x14);
        assertThat(in(6)).isEqualTo(0x40);
        out(1, 8);
        out(4, 0x10);
        assertThat(in(2)).isZero(); // trailing edge of the ring
        assertThat(in(6)).isEqualTo(0x04);
        assertThat(in(2)).isEqualTo(1);
    }

    @Test
    void loopsABreak() {
        out(4, 0x10);
        out(1, 4);
        out(3, 0x43);
        assertThat(in(2)).isEqualTo(6);
        assertThat(in(5)).isEqualTo(0x71);
        assertThat(in(2)).isEqualTo(1);
        assertThat(in(0)).isZero();
    }

    @Test
    void outTwoGatesTheInterrupt() {
        out(1, 2);
        assertThat(irq.isUp()).isFalse();
        out(4, 8);
        assertThat(irq.isUp()).isTrue();
        uart.reset();
        assertThat(irq.isUp()).isFalse();
        assertThat(in(1)).isZero();
    }

    /** The output that was full stayed on another host, and its event with it. */
    @Test
    void aRestoredTransmitterThatWaitedForRoomHasIt() {
        out(4, 8);
        out(1, 2);
        assertThat(in(2)).isEqualTo(2);
        assertThat(irq.isUp()).isFalse();
        Uart16550State saved = uart.state();
        uart.restore(saved);
        assertThat(irq.isUp()).isFalse();
        uart.restore(new Uart16550State(
                saved.received(),
                saved.ier(),
                saved.fcr(),
                saved.lcr(),
                saved.mcr(),
                saved.errors(),
                saved.msr(),
                saved.scratch(),
                saved.divisor(),
                saved.transmitterEvent(),
                true));
        assertThat(irq.isUp()).isTrue();
        assertThat(in(2)).isEqualTo(2);
        assertThat(uart.state().awaitsRoom()).isFalse();
    }
}
