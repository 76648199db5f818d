package jcrosvm.hypervisor.soft.interp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DeliveryTest {
    private static final int NOT_PRESENT = 0x0e;

    private CodeMachine machine;
    private SystemTables tables;
    private Cpu cpu;
    private Delivery delivery;

    @BeforeEach
    void create() {
        machine = new CodeMachine(CodeMachine.Mode.LONG);
        tables = new SystemTables(machine);
        cpu = machine.cpu;
        delivery = machine.system.delivery();
        machine.mmu.processor().enter();
        cpu.rip(CodeMachine.CODE);
    }

    private boolean raise(int vector, int error) {
        return delivery.exception(cpu.fault(vector, error));
    }

    /** Makes the gate of a vector raise #NP. */
    private void absent(int vector) {
        tables.gate(vector, NOT_PRESENT, 0);
    }

    @Test
    void framesOf64BitModeAreAlignedAndComplete() {
        cpu.gpr(Cpu.RSP, CodeMachine.STACK - 3);
        cpu.rflags(Rflags.FIXED | Rflags.IF | Rflags.TF | Rflags.NT);
        assertThat(raise(GuestException.GP, 0x1234)).isTrue();
        assertThat(tables.vector()).isEqualTo(GuestException.GP);
        assertThat(cpu.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK - 16 - 48);
        assertThat(tables.frame(0)).isEqualTo(0x1234);
        assertThat(tables.frame(1)).isEqualTo(CodeMachine.CODE);
        assertThat(tables.frame(2)).isEqualTo(SystemTables.CODE);
        assertThat(tables.frame(3)).isEqualTo(Rflags.FIXED | Rflags.IF | Rflags.TF | Rflags.NT | Rflags.RF);
        assertThat(tables.frame(4)).isEqualTo(CodeMachine.STACK - 3);
        assertThat(tables.frame(5)).isEqualTo(SystemTables.DATA);
        assertThat(cpu.rflags()).isEqualTo(Rflags.FIXED);
    }

    @Test
    void interruptsOfUserCodeSwitchStacksAndPushNoResumeFlag() {
        tables.user();
        cpu.rflags(Rflags.FIXED | Rflags.IF);
        assertThat(delivery.interrupt(0x55)).isTrue();
        assertThat(tables.vector()).isEqualTo(0x55);
        assertThat(cpu.cpl).isZero();
        assertThat(cpu.selector[Cpu.SS]).isZero();
        assertThat(cpu.gpr(Cpu.RSP)).isEqualTo(SystemTables.INNER_STACK - 40);
        assertThat(tables.frame(1)).isEqualTo(SystemTables.USER_CODE);
        assertThat(tables.frame(2)).isEqualTo(Rflags.FIXED | Rflags.IF);
        assertThat(tables.frame(4)).isEqualTo(SystemTables.USER_DATA);
    }

    @Test
    void interruptStacksAreUsedWithoutAChangeOfLevelToo() {
        tables.gate(0x40, 0x8e, 1);
        assertThat(delivery.interrupt(0x40)).isTrue();
        assertThat(cpu.gpr(Cpu.RSP)).isEqualTo(SystemTables.INTERRUPT_STACK - 40);
        assertThat(cpu.selector[Cpu.SS]).isEqualTo(SystemTables.DATA);
    }

    @Test
    void trapGatesKeepInterruptsEnabled() {
        tables.gate(0x40, 0x8f, 0);
        cpu.rflags(Rflags.FIXED | Rflags.IF);
        delivery.interrupt(0x40);
        assertThat(cpu.flag(Rflags.IF)).isTrue();
    }

    @Test
    void faultsOnTheWayOfAnInterruptSayExternal() {
        absent(0x40);
        assertThat(delivery.interrupt(0x40)).isTrue();
        assertThat(tables.vector()).isEqualTo(GuestException.NP);
        assertThat(tables.frame(0)).isEqualTo(0x40 << 3 | 3);
        assertThat(tables.frame(1)).isEqualTo(CodeMachine.CODE);
    }

    @Test
    void instructionsNeedTheGatesPermission() {
        tables.user();
        machine.code("cd40");
        assertThat(machine.fault()).isEqualTo("13:" + (0x40 << 3 | 2));
        tables.gate(0x40, 0xee, 0);
        machine.code("cd40").steps(1);
        assertThat(tables.vector()).isEqualTo(0x40);
        assertThat(tables.frame(0)).isEqualTo(CodeMachine.CODE + 2);
    }

    @Test
    void gatesBehindTheTableAreFaults() {
        cpu.idtLimit = 16 * 0x40 + 14;
        assertThat(delivery.interrupt(0x40)).isTrue();
        assertThat(tables.vector()).isEqualTo(GuestException.GP);
        assertThat(tables.frame(0)).isEqualTo(0x40 << 3 | 3);
    }

    @Test
    void twoContributoryFaultsAreADoubleFault() {
        absent(GuestException.GP);
        assertThat(raise(GuestException.GP, 0)).isTrue();
        assertThat(tables.vector()).isEqualTo(GuestException.DF);
        assertThat(tables.frame(0)).isZero();
        assertThat(tables.frame(1)).isEqualTo(CodeMachine.CODE);
    }

    @Test
    void aFaultAfterABenignOneIsDeliveredItself() {
        absent(GuestException.UD);
        assertThat(raise(GuestException.UD, GuestException.NO_ERROR_CODE)).isTrue();
        assertThat(tables.vector()).isEqualTo(GuestException.NP);
        assertThat(tables.frame(0)).isEqualTo(GuestException.UD << 3 | 3);
    }

    @Test
    void aPageFaultOfTheStackIsOneOfTheHandlersAccess() {
        tables.user();
        machine.put(SystemTables.TSS + 4, 0x4_0000_0000L); // not mapped
        tables.gate(GuestException.PF, 0x8e, 1);
        assertThat(delivery.interrupt(0x40)).isTrue();
        assertThat(tables.vector()).isEqualTo(GuestException.PF);
        assertThat(tables.frame(0)).isEqualTo(2); // a write of a supervisor
        assertThat(cpu.cr2).isEqualTo(0x4_0000_0000L - 8);
    }

    @Test
    void aPageFaultDuringAPageFaultIsADoubleFaultAndThenAShutdown() {
        cpu.gpr(Cpu.RSP, 0x4_0000_0000L);
        tables.gate(GuestException.DF, 0x8e, 1);
        assertThat(raise(GuestException.PF, 0)).isTrue();
        assertThat(tables.vector()).isEqualTo(GuestException.DF);

        cpu.rip(CodeMachine.CODE);
        cpu.gpr(Cpu.RSP, 0x4_0000_0000L);
        tables.gate(GuestException.DF, 0x8e, 0);
        assertThat(raise(GuestException.PF, 0)).isFalse();
        assertThat(delivery.shutdownReason()).startsWith("triple fault: first vector 14");
        assertThat(cpu.rip()).isEqualTo(CodeMachine.CODE);
        assertThat(cpu.gpr(Cpu.RSP)).isEqualTo(0x4_0000_0000L);
    }

    @Test
    void stacksThatAreNotCanonicalAreStackFaults() {
        tables.user();
        machine.put(SystemTables.TSS + 4, 1L << 47);
        tables.gate(GuestException.SS, 0x8e, 1);
        assertThat(delivery.interrupt(0x40)).isTrue();
        assertThat(tables.vector()).isEqualTo(GuestException.SS);
        assertThat(tables.frame(0)).isEqualTo(1);
    }

    @Test
    void anNmiBlocksOthersUntilIret() {
        assertThat(delivery.nmi()).isTrue();
        assertThat(cpu.nmiBlocked).isTrue();
        machine.bytes(cpu.rip(), "48cf");
        machine.steps(1);
        assertThat(cpu.nmiBlocked).isFalse();
        assertThat(cpu.rip()).isEqualTo(CodeMachine.CODE);
        assertThat(cpu.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK);
    }

    @Test
    void deliveryEndsHaltAndShadow() {
        cpu.halted = true;
        cpu.interruptShadow = true;
        delivery.interrupt(0x40);
        assertThat(cpu.halted).isFalse();
        assertThat(cpu.interruptShadow).isFalse();
    }

    @Test
    void taskSwitchesOf16BitTasksAreRefusedClearly() {
        machine.set(CodeMachine.Mode.PROTECTED_32);
        cpu.gdtBase = SystemTables.GDT;
        cpu.gdtLimit = 0xff;
        machine.put(SystemTables.GDT + 0x40, 0x0000_8100_0000_0067L);
        machine.code("ea 00000000 4000");
        assertThatThrownBy(() -> machine.steps(1))
                .isInstanceOf(UnsupportedInstruction.class)
                .hasMessageContaining("16-bit task");
    }
}
