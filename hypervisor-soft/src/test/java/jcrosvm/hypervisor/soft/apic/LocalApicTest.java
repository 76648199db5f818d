package jcrosvm.hypervisor.soft.apic;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import jcrosvm.hypervisor.soft.cpu.Pending;
import org.junit.jupiter.api.Test;

class LocalApicTest {
    private static final int LEVEL = Message.LEVEL | Message.ASSERT;

    private final ApicFixture fixture = ApicFixture.enabled(2);
    private final ApicFixture.Cpu cpu = fixture.cpu(0);
    private final LocalApic apic = cpu.apic;

    private void message(int vector) {
        fixture.bus.message(0xfee0_0000L, vector);
    }

    @Test
    void deliversByPriority() {
        message(0x31);
        message(0x52);
        message(0x51);
        assertThat(cpu.take()).isEqualTo(Pending.INTERRUPT);
        assertThat(apic.acknowledge()).isEqualTo(0x52);
        assertThat(apic.acknowledge()).as("the same class waits").isEqualTo(-1);
        assertThat(apic.read(ApicRegister.PPR)).isEqualTo(0x50);
        apic.write(ApicRegister.EOI, 0);
        assertThat(cpu.drain()).containsExactly(0x51, 0x31);
        assertThat(apic.read(ApicRegister.PPR)).isZero();
    }

    @Test
    void aHigherClassNests() {
        message(0x31);
        assertThat(apic.acknowledge()).isEqualTo(0x31);
        message(0x41);
        assertThat(apic.acknowledge()).isEqualTo(0x41);
        apic.write(ApicRegister.EOI, 0);
        assertThat(apic.read(ApicRegister.ISR + 0x10))
                .as("31h is still in service")
                .isEqualTo(1 << 0x11);
    }

    @Test
    void taskPriorityHoldsBackAndLetsGo() {
        apic.taskPriority(5);
        assertThat(apic.read(ApicRegister.TPR)).isEqualTo(0x50);
        message(0x52);
        assertThat(cpu.take()).isZero();
        assertThat(apic.hasInterrupt()).isFalse();
        apic.write(ApicRegister.TPR, 0x4f);
        assertThat(cpu.take()).isEqualTo(Pending.INTERRUPT);
        assertThat(apic.taskPriority()).isEqualTo(4);
        assertThat(apic.read(ApicRegister.PPR)).as("equal or higher task class").isEqualTo(0x4f);
        assertThat(apic.acknowledge()).isEqualTo(0x52);
    }

    @Test
    void endOfLevelInterruptIsReported() {
        fixture.bus.message(0xfee0_0000L, 0x61 | LEVEL);
        message(0x62);
        assertThat(apic.read(ApicRegister.TMR + 0x30)).isEqualTo(1 << 1);
        assertThat(cpu.drain()).containsExactly(0x62, 0x61);
        assertThat(cpu.ended).containsExactly(0x61);
        message(0x61);
        assertThat(cpu.drain()).containsExactly(0x61);
        assertThat(cpu.ended).as("by edge this time").containsExactly(0x61);
        apic.write(ApicRegister.EOI, 0);
        assertThat(cpu.ended).containsExactly(0x61);
    }

    @Test
    void softwareDisabledTakesNoMessagesButNmi() {
        apic.write(ApicRegister.LVT_LINT0, 0x700);
        apic.write(ApicRegister.SVR, 0xff);
        assertThat(apic.read(ApicRegister.LVT_LINT0)).isEqualTo(0x700 | ApicRegister.LVT_MASKED);
        apic.write(ApicRegister.LVT_LINT0, 0x700);
        assertThat(apic.read(ApicRegister.LVT_LINT0))
                .as("masks stay while disabled")
                .isEqualTo(0x700 | ApicRegister.LVT_MASKED);
        message(0x41);
        assertThat(apic.hasInterrupt()).isFalse();
        message(Message.NMI << 8);
        assertThat(cpu.take()).isEqualTo(Pending.NMI);
    }

    @Test
    void illegalVectorsAreErrors() {
        apic.write(ApicRegister.LVT_ERROR, 0xfe);
        message(0x0f);
        assertThat(apic.read(ApicRegister.ESR)).as("not latched yet").isZero();
        apic.write(ApicRegister.ESR, 0);
        assertThat(apic.read(ApicRegister.ESR)).isEqualTo(ApicRegister.ERROR_RECEIVE_VECTOR);
        assertThat(cpu.drain()).containsExactly(0xfe);
        apic.write(ApicRegister.ICR, 0x05 | Message.SELF << 18);
        assertThat(cpu.drain()).containsExactly(0xfe);
        apic.write(ApicRegister.ESR, 0);
        assertThat(apic.read(ApicRegister.ESR)).isEqualTo(ApicRegister.ERROR_SEND_VECTOR);
        apic.write(ApicRegister.ESR, 0);
        assertThat(apic.read(ApicRegister.ESR)).isZero();
        apic.read(0x400);
        apic.write(ApicRegister.ESR, 0);
        assertThat(apic.read(ApicRegister.ESR)).isEqualTo(ApicRegister.ERROR_REGISTER);
    }

    @Test
    void registersAreReadInPartsAndWrittenWhole() {
        assertThat(fixture.cpu(1).apic.read(ApicRegister.ID, 4)).isEqualTo(0x0100_0000);
        assertThat(fixture.cpu(1).apic.read(ApicRegister.ID + 3, 1)).isEqualTo(1);
        assertThat(apic.read(ApicRegister.ID + 4, 4)).isZero();
        assertThat(apic.read(ApicRegister.VERSION, 4)).isEqualTo(0x5_0014);
        apic.write(ApicRegister.TPR, 1, 0x20);
        assertThat(apic.read(ApicRegister.TPR)).isZero();
        apic.write(ApicRegister.TPR, 4, 0x20);
        assertThat(apic.read(ApicRegister.TPR)).isEqualTo(0x20);
    }

    @Test
    void initKeepsOnlyTheBase() {
        apic.write(ApicRegister.TPR, 0x30);
        message(0x41);
        long base = apic.base();
        apic.init();
        assertThat(apic.base()).isEqualTo(base);
        assertThat(apic.read(ApicRegister.SVR)).isEqualTo(0xff);
        assertThat(apic.read(ApicRegister.DFR)).isEqualTo(-1);
        assertThat(apic.read(ApicRegister.TPR)).isZero();
        assertThat(apic.read(ApicRegister.LVT_TIMER)).isEqualTo(ApicRegister.LVT_MASKED);
        assertThat(apic.hasInterrupt()).isFalse();
    }

    @Test
    void movesAndSwitchesModes() {
        assertThat(apic.base()).isEqualTo(0xfee0_0900L);
        assertThat(fixture.cpu(1).apic.base()).isEqualTo(0xfee0_0800L);
        assertThat(apic.isAt(0xfee0_0fffL)).isTrue();
        assertThat(apic.isAt(0xfee0_1000L)).isFalse();
        apic.base(0x1234_5000L | LocalApic.BASE_ENABLED);
        assertThat(apic.isAt(0x1234_5080L)).isTrue();
        assertThat(apic.isValidBase(0x1234_5c00L, 40)).as("to x2APIC").isTrue();
        apic.base(0x1234_5c00L);
        assertThat(apic.isAt(0x1234_5080L)).isFalse();
        assertThat(apic.isValidBase(0x1234_5800L, 40)).as("back to xAPIC").isFalse();
        assertThat(apic.isValidBase(0x1234_5000L, 40)).as("off").isTrue();
        apic.base(0x1234_5000L);
        assertThat(apic.isValidBase(0x1234_5c00L, 40)).as("x2APIC from off").isFalse();
        assertThat(apic.isValidBase(0x1234_5400L, 40))
                .as("x2APIC without enable")
                .isFalse();
        assertThat(apic.isValidBase(0x1234_5a00L, 40)).as("reserved bit 9").isFalse();
        assertThat(apic.isValidBase(1L << 40 | 0x800, 40))
                .as("beyond the address width")
                .isFalse();
    }

    @Test
    void disabledIsOffTheBusAndLetsThePicThrough() {
        assertThat(apic.acceptsExternalInterrupts()).isFalse();
        apic.write(ApicRegister.LVT_LINT0, 0x700);
        assertThat(apic.acceptsExternalInterrupts()).isTrue();
        apic.write(ApicRegister.LVT_LINT0, 0x10700);
        assertThat(apic.acceptsExternalInterrupts()).isFalse();
        apic.base(LocalApic.DEFAULT_BASE);
        assertThat(apic.acceptsExternalInterrupts()).isTrue();
        message(0x41);
        assertThat(apic.hasInterrupt()).isFalse();
    }

    @Test
    void stateSurvivesARoundTrip() {
        apic.write(ApicRegister.TPR, 0x20);
        message(0x41);
        fixture.bus.message(0xfee0_0000L, 0x51 | LEVEL);
        assertThat(apic.acknowledge()).isEqualTo(0x51);
        byte[] saved = apic.registers();
        assertThat(saved).hasSize(1024);
        apic.init();
        apic.registers(saved);
        assertThat(apic.registers()).isEqualTo(saved);
        apic.write(ApicRegister.EOI, 0);
        assertThat(cpu.ended).containsExactly(0x51);
        assertThat(cpu.drain()).isEqualTo(List.of(0x41));
    }
}
