package jcrosvm.hypervisor.soft.interp;

import static org.assertj.core.api.Assertions.assertThat;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import org.junit.jupiter.api.Test;

class FastCallsTest {
    private static final long STAR = 0x0023_0010_0000_0000L;
    private static final long USER_FLAGS = Rflags.FIXED | Rflags.IF | Rflags.CF | Rflags.DF;

    private static CodeMachine machine(CodeMachine.Mode mode) {
        CodeMachine machine = new CodeMachine(mode);
        Cpu cpu = machine.cpu;
        cpu.efer |= Control.EFER_SCE;
        cpu.star = STAR;
        cpu.lstar = 0xffff_8000_0000_1000L;
        cpu.cstar = 0x9000;
        cpu.sfmask = Rflags.IF | Rflags.DF;
        cpu.cpl = 3;
        machine.mmu.rightsChanged();
        cpu.rflags(USER_FLAGS);
        return machine;
    }

    @Test
    void systemCallAndReturnIn64BitMode() {
        CodeMachine machine = machine(CodeMachine.Mode.LONG).code("0f05");
        Cpu cpu = machine.cpu;
        machine.steps(1);
        assertThat(cpu.rip()).isEqualTo(cpu.lstar);
        assertThat(cpu.gpr(Cpu.RCX)).isEqualTo(CodeMachine.CODE + 2);
        assertThat(cpu.gpr(Cpu.R11)).isEqualTo(USER_FLAGS);
        assertThat(cpu.rflags()).isEqualTo(Rflags.FIXED | Rflags.CF);
        assertThat(cpu.cpl).isZero();
        assertThat(cpu.selector[Cpu.CS]).isEqualTo(0x10);
        assertThat(cpu.selector[Cpu.SS]).isEqualTo(0x18);
        assertThat(cpu.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK);

        cpu.rip(CodeMachine.CODE);
        machine.code("480f07").steps(1);
        assertThat(cpu.rip()).isEqualTo(CodeMachine.CODE + 2);
        assertThat(cpu.rflags()).isEqualTo(USER_FLAGS);
        assertThat(cpu.cpl).isEqualTo(3);
        assertThat(cpu.selector[Cpu.CS]).isEqualTo(0x33);
        assertThat(cpu.selector[Cpu.SS]).isEqualTo(0x2b);
        assertThat(cpu.codeSize()).isEqualTo(8);
    }

    @Test
    void compatibilityModeEntersThroughCstarAndReturnsTo32Bits() {
        CodeMachine machine = machine(CodeMachine.Mode.COMPATIBILITY).code("0f05");
        Cpu cpu = machine.cpu;
        machine.steps(1);
        assertThat(cpu.rip()).isEqualTo(0x9000);
        assertThat(cpu.codeSize()).isEqualTo(8);
        machine.code("0f07").steps(1);
        assertThat(cpu.codeSize()).isEqualTo(4);
        assertThat(cpu.selector[Cpu.CS]).isEqualTo(0x23);
    }

    @Test
    void systemEnterFromCompatibilityModeGoesTo64Bits() {
        CodeMachine machine = machine(CodeMachine.Mode.COMPATIBILITY).code("0f34");
        Cpu cpu = machine.cpu;
        cpu.sysenterCs = 0x10;
        cpu.sysenterEip = 0xffff_8000_0000_2000L;
        cpu.sysenterEsp = 0xffff_8000_0000_3000L;
        machine.steps(1);
        assertThat(cpu.rip()).isEqualTo(cpu.sysenterEip);
        assertThat(cpu.gpr(Cpu.RSP)).isEqualTo(cpu.sysenterEsp);
        assertThat(cpu.rflags()).isEqualTo(USER_FLAGS & ~Rflags.IF);
        assertThat(cpu.codeSize()).isEqualTo(8);
    }

    @Test
    void systemEnterAndExitIn32BitMode() {
        CodeMachine machine = machine(CodeMachine.Mode.PROTECTED_32).code("0f34");
        Cpu cpu = machine.cpu;
        assertThat(machine.fault()).isEqualTo("13:0");
        cpu.sysenterCs = 0x10;
        cpu.sysenterEip = 0x9000;
        cpu.sysenterEsp = 0xa000;
        machine.steps(1);
        assertThat(cpu.rip()).isEqualTo(0x9000);
        assertThat(cpu.gpr(Cpu.RSP)).isEqualTo(0xa000);
        assertThat(cpu.cpl).isZero();
        machine.gpr(Cpu.RCX, 0x1111).gpr(Cpu.RDX, 0x2222).code("0f35").steps(1);
        assertThat(cpu.rip()).isEqualTo(0x2222);
        assertThat(cpu.gpr(Cpu.RSP)).isEqualTo(0x1111);
        assertThat(cpu.selector[Cpu.CS]).isEqualTo(0x23);
        assertThat(cpu.cpl).isEqualTo(3);
    }

    @Test
    void withoutPermissionTheyDoNotExist() {
        CodeMachine machine = machine(CodeMachine.Mode.LONG);
        assertThat(machine.code("480f07").fault()).isEqualTo("13:0"); // CPL 3
        assertThat(machine.code("0f34").fault()).isEqualTo("6:-1"); // 64-bit mode
        machine.cpu.efer &= ~Control.EFER_SCE;
        assertThat(machine.code("0f05").fault()).isEqualTo("6:-1");
    }
}
