package jcrosvm.hypervisor.soft.interp;

import static org.assertj.core.api.Assertions.assertThat;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Pending;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PermissionsTest {
    private CodeMachine machine;
    private Cpu cpu;

    @BeforeEach
    void create() {
        machine = new CodeMachine(CodeMachine.Mode.LONG);
        new SystemTables(machine).user();
        cpu = machine.cpu;
    }

    @Test
    void portsGoByTheMapInTheTss() {
        machine.put(SystemTables.TSS + 102, 0x68);
        cpu.limit[Cpu.TR] = 0x68 + 16;
        machine.put(SystemTables.TSS + 0x68, ~(1L << 0x21)); // only port 21h
        machine.put(SystemTables.TSS + 0x70, -1);
        machine.code("e421").steps(1);
        assertThat(machine.ports).containsExactly("in 21 1");
        assertThat(machine.code("e420").fault()).isEqualTo("13:0");
        assertThat(machine.code("e521").fault()).isEqualTo("13:0"); // four ports
        cpu.limit[Cpu.TR] = 0x6b;
        assertThat(machine.code("e421").fault()).isEqualTo("13:0"); // the second byte is behind the limit
        cpu.rflags(Rflags.FIXED | Rflags.IOPL);
        machine.code("e420").steps(1);
    }

    @Test
    void userModeMayNot() {
        String gp = "13:0";
        assertThat(machine.code("f4").fault()).isEqualTo(gp); // hlt
        assertThat(machine.code("fa").fault()).isEqualTo(gp); // cli
        assertThat(machine.code("0f20c0").fault()).isEqualTo(gp); // mov rax, cr0
        assertThat(machine.code("0f32").fault()).isEqualTo(gp); // rdmsr
        assertThat(machine.code("0f06").fault()).isEqualTo(gp); // clts
        cpu.cr4 |= Control.CR4_UMIP;
        assertThat(machine.gpr(Cpu.RBX, CodeMachine.DATA).code("0f010b").fault())
                .isEqualTo(gp); // sidt
        assertThat(machine.code("0f01f8").fault()).isEqualTo(gp); // swapgs
        assertThat(machine.code("0f01cb").fault()).isEqualTo("6:-1"); // stac
        assertThat(machine.code("f30faec0").fault()).isEqualTo("6:-1"); // rdfsbase without CR4.FSGSBASE
        machine.code("0f31").steps(1); // rdtsc
        cpu.cr4 |= Control.CR4_TSD;
        assertThat(machine.code("0f31").fault()).isEqualTo(gp);
    }

    @Test
    void stiHoldsInterruptsBackForOneInstruction() {
        machine = new CodeMachine(CodeMachine.Mode.LONG);
        cpu = machine.cpu;
        cpu.interruptWaiting = true;
        machine.code("fb 90").steps(1);
        assertThat(cpu.interruptShadow).isTrue();
        assertThat(cpu.pending() & Pending.SELF).isNotZero();
        machine.steps(1);
        assertThat(cpu.interruptShadow).isFalse();
    }
}
