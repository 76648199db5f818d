package jcrosvm.platform.irqchip;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.bus.Bus;
import jcrosvm.hypervisor.IrqRoute;
import jcrosvm.hypervisor.Msi;
import org.junit.jupiter.api.Test;

class IoApicTest {
    private final List<Msi> sent = new ArrayList<>();
    private final List<List<IrqRoute>> routes = new ArrayList<>();
    private final IoApic ioApic = new IoApic(sent::add, routes::add);
    private final Bus memory = Bus.memory();

    IoApicTest() {
        ioApic.attach(memory);
    }

    private void set(int register, long value) {
        memory.write(IoApic.BASE, 4, register);
        memory.write(IoApic.BASE + 0x10, 4, value);
    }

    private long get(int register) {
        memory.write(IoApic.BASE, 4, register);
        return memory.read(IoApic.BASE + 0x10, 4);
    }

    private void program(int pin, long low, int destination) {
        set(0x11 + 2 * pin, (long) destination << 24);
        set(0x10 + 2 * pin, low);
    }

    @Test
    void identifiesItself() {
        assertThat(get(1)).isEqualTo(0x00170020);
        set(0, 0xffffffffL);
        assertThat(get(0)).isEqualTo(0x0f000000);
        assertThat(get(2)).isEqualTo(0x0f000000);
        assertThat(get(0x10)).isEqualTo(0x10000);
        assertThat(get(0x40)).isZero();
        assertThat(get(0xff)).isZero();
    }

    @Test
    void edgeSendsOneMessage() {
        program(4, 0x0830 | 0x100, 3); // logical, lowest priority
        ioApic.line(4, true);
        ioApic.line(4, true);
        ioApic.line(4, false);
        assertThat(sent).containsExactly(new Msi(0xfee03004L, 0x130));
        assertThat(routes).isEmpty();
    }

    @Test
    void edgeAtAMaskedInputIsLost() {
        program(14, 0x10082, 0);
        ioApic.line(14, true);
        ioApic.line(14, false);
        program(14, 0x82, 0);
        assertThat(sent).isEmpty();
        ioApic.line(14, true);
        assertThat(sent).containsExactly(new Msi(0xfee00000L, 0x82));
    }

    @Test
    void levelInterruptsAgainUntilItIsDown() {
        program(10, 0x8055, 1);
        assertThat(routes).containsExactly(List.of(new IrqRoute.Message(10, new Msi(0xfee01000L, 0x8055))));
        ioApic.line(10, true);
        assertThat(get(0x24)).isEqualTo(0xc055);
        ioApic.line(10, false);
        ioApic.line(10, true);
        assertThat(sent).hasSize(1);
        ioApic.endOfInterrupt(0x54);
        assertThat(sent).hasSize(1);
        ioApic.endOfInterrupt(0x55);
        assertThat(sent).hasSize(2);
        ioApic.line(10, false);
        memory.write(IoApic.BASE + 0x40, 4, 0x55);
        assertThat(get(0x24)).isEqualTo(0x8055);
        assertThat(sent).hasSize(2);
    }

    @Test
    void levelPendsWhileMasked() {
        program(10, 0x18055, 1);
        ioApic.line(10, true);
        assertThat(sent).isEmpty();
        program(10, 0x8055, 1);
        assertThat(sent).hasSize(1);
        program(10, 0x18055, 1);
        assertThat(routes).hasSize(1); // masking changes no route
    }

    @Test
    void switchingToEdgeClearsRemoteIrr() {
        program(10, 0x8055, 1);
        ioApic.line(10, true);
        ioApic.line(10, false);
        set(0x24, 0x10055);
        set(0x24, 0x8055);
        assertThat(get(0x24)).isEqualTo(0x8055);
        assertThat(routes).hasSize(3);
        assertThat(routes.get(1)).isEmpty();
    }

    @Test
    void readOnlyBitsStay() {
        program(10, 0xd055, 1);
        assertThat(get(0x24)).isEqualTo(0x8055);
    }

    @Test
    void externalInterruptsAreThePics() {
        program(0, 0x700, 0);
        ioApic.line(0, true);
        assertThat(sent).isEmpty();
    }
}
