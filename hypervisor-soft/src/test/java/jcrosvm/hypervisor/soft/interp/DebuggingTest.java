package jcrosvm.hypervisor.soft.interp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class DebuggingTest {
    private static final long STEP = Debugging.DR6_FIXED | 1 << 14;

    private CodeMachine machine;
    private Cpu cpu;

    @BeforeEach
    void create() {
        machine = new CodeMachine(CodeMachine.Mode.LONG);
        new SystemTables(machine);
        cpu = machine.cpu;
    }

    private void expectDebugException(long rip, long dr6) {
        assertThatThrownBy(() -> machine.steps(1))
                .isInstanceOfSatisfying(
                        GuestException.class, e -> assertThat(e.vector()).isEqualTo(GuestException.DB));
        assertThat(cpu.rip()).isEqualTo(rip);
        assertThat(cpu.dr[6]).isEqualTo(dr6);
    }

    private void arm(int n, long address, int typeAndLength) {
        cpu.dr[n] = address;
        cpu.dr[7] |= 1L << 2 * n | (long) typeAndLength << 16 + 4 * n;
        machine.system.debugging().changed();
    }

    @Test
    void popfThatSetsTfStepsFromTheNextInstructionOn() {
        machine.code("9d 90 90").put(CodeMachine.STACK, Rflags.FIXED | Rflags.TF);
        machine.steps(1);
        assertThat(machine.system.debugging().armed()).isTrue();
        expectDebugException(CodeMachine.CODE + 2, STEP);
    }

    @Test
    void handlersAreNotStepped() {
        cpu.rflags(Rflags.FIXED | Rflags.TF);
        machine.system.debugging().changed();
        machine.code("cd40").steps(1);
        assertThat(machine.system.debugging().armed()).isFalse();
        assertThat(machine.get(cpu.gpr(Cpu.RSP) + 16)).isEqualTo(Rflags.FIXED | Rflags.TF);
    }

    @Test
    void breakpointsAreFaultsThatTheResumeFlagSkips() {
        machine.code("90 90");
        arm(1, CodeMachine.CODE, 0);
        expectDebugException(CodeMachine.CODE, Debugging.DR6_FIXED | 2);
        cpu.rflags(cpu.rflags() | Rflags.RF);
        machine.steps(1);
        assertThat(cpu.rip()).isEqualTo(CodeMachine.CODE + 1);
        assertThat(cpu.flag(Rflags.RF)).isFalse();
    }

    @Test
    void iretKeepsTheResumeFlagForTheInstructionItReturnsTo() {
        arm(0, 0x9000, 0);
        machine.bytes(0x9000, "90");
        long stack = CodeMachine.STACK;
        machine.code("48cf")
                .put(stack, 0x9000)
                .put(stack + 8, SystemTables.CODE)
                .put(stack + 16, Rflags.FIXED | Rflags.RF)
                .put(stack + 24, stack)
                .put(stack + 32, SystemTables.DATA);
        machine.steps(2);
        assertThat(cpu.rip()).isEqualTo(0x9001);
        assertThat(cpu.flag(Rflags.RF)).isFalse();
    }

    @Test
    void watchpointsTrapAfterTheAccess() {
        machine.code("88 03 8a 03").gpr(Cpu.RBX, CodeMachine.DATA + 2).gpr(Cpu.RAX, 7);
        arm(2, CodeMachine.DATA, 0xd); // four bytes, writes
        expectDebugException(CodeMachine.CODE + 2, Debugging.DR6_FIXED | 4);
        assertThat(machine.get(CodeMachine.DATA + 2) & 0xff).isEqualTo(7);
        machine.steps(1); // reads do not count
    }

    @Test
    void movSsHoldsTrapsForOneInstruction() {
        cpu.rflags(Rflags.FIXED | Rflags.TF);
        machine.system.debugging().changed();
        machine.code("8ed0 90 90").gpr(Cpu.RAX, SystemTables.DATA).steps(1);
        assertThat(cpu.rip()).isEqualTo(CodeMachine.CODE + 2);
        expectDebugException(CodeMachine.CODE + 3, STEP);
    }

    @Test
    void protectedDebugRegistersFault() {
        machine.code("0f21f8"); // mov rax, dr7
        cpu.dr[7] |= 1 << 13;
        expectDebugException(CodeMachine.CODE, Debugging.DR6_FIXED | 1 << 13);
        machine.system.delivery().exception(cpu.fault(GuestException.DB));
        assertThat(cpu.dr[7] & 1 << 13).isZero();
    }
}
