package jcrosvm.hypervisor.soft.interp;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FloatingStateTest {
    private static final long AREA = CodeMachine.DATA;
    private static final String FXSAVE = "0fae03";
    private static final String FXRSTOR = "0fae0b";
    private static final String XSAVE = "0fae23";
    private static final String XRSTOR = "0fae2b";

    private CodeMachine machine;
    private Cpu cpu;

    @BeforeEach
    void create() {
        machine = new CodeMachine(CodeMachine.Mode.LONG);
        cpu = machine.cpu;
        cpu.cr4 |= Control.CR4_OSFXSR | Control.CR4_OSXSAVE;
        cpu.xcr0 = 3;
        machine.gpr(Cpu.RBX, AREA).gpr(Cpu.RAX, -1).gpr(Cpu.RDX, -1);
        for (int i = 0; i < 416; i += 8) {
            state(i, 0x0101_0101_0101_0101L * (i / 8));
        }
        state(24, 0x1f80);
    }

    private void state(int offset, long value) {
        cpu.state().set(ValueLayout.JAVA_LONG, StateLayout.FX + offset, value);
    }

    private long state(int offset) {
        return cpu.state().get(ValueLayout.JAVA_LONG, StateLayout.FX + offset);
    }

    @Test
    void fxsaveAndFxrstorKeepEverything() {
        machine.put(AREA + 464, 77).code(FXSAVE).steps(1);
        assertThat(machine.get(AREA + 24)).isEqualTo(0xffff_0000_1f80L);
        assertThat(machine.get(AREA + 408)).isEqualTo(state(408));
        assertThat(machine.get(AREA + 464)).isEqualTo(77); // the program's own
        for (int i = 0; i < 416; i += 8) {
            state(i, 0);
        }
        machine.code(FXRSTOR).steps(1);
        assertThat(state(0)).isEqualTo(0x40); // a bit of the control word that is always set
        assertThat(state(32)).isEqualTo(0x0404_0404_0404_0404L);
        assertThat(state(408)).isEqualTo(0x3333_3333_3333_3333L);
        assertThat((int) state(24)).isEqualTo(0x1f80);
    }

    @Test
    void onlyEightRegistersOutside64BitMode() {
        machine.set(CodeMachine.Mode.PROTECTED_32);
        cpu.cr4 |= Control.CR4_OSFXSR;
        machine.gpr(Cpu.RBX, AREA).code(FXSAVE).steps(1);
        assertThat(machine.get(AREA + 160)).isEqualTo(state(160));
        assertThat(machine.get(AREA + 160 + 128)).isZero();
    }

    @Test
    void xsaveTellsWhatItSaved() {
        machine.put(AREA + 512, 0).gpr(Cpu.RAX, 2).code(XSAVE).steps(1);
        assertThat(machine.get(AREA + 512)).isEqualTo(2);
        assertThat(machine.get(AREA + 32)).isZero();
        assertThat(machine.get(AREA + 160)).isEqualTo(state(160));
    }

    @Test
    void xrstorInitialisesWhatIsAbsent() {
        machine.put(AREA + 24, 0x1fa0).put(AREA + 512, 1).put(AREA, 0x0000_0000_1234_027fL);
        machine.code(XRSTOR).steps(1);
        assertThat(state(0)).isEqualTo(0x1234_027fL);
        assertThat(state(160)).isZero();
        assertThat((int) state(24)).isEqualTo(0x1fa0);
        machine.put(AREA + 512, 2).code(XRSTOR).steps(1);
        assertThat(state(0)).isEqualTo(0x37f);
    }

    @Test
    void misalignedAndReservedFault() {
        assertThat(machine.gpr(Cpu.RBX, AREA + 8).code(FXSAVE).fault()).isEqualTo("13:0");
        assertThat(machine.gpr(Cpu.RBX, AREA + 16).code(XSAVE).fault()).isEqualTo("13:0");
        machine.gpr(Cpu.RBX, AREA).put(AREA + 24, 0x1_0000);
        assertThat(machine.code(FXRSTOR).fault()).isEqualTo("13:0");
        machine.put(AREA + 512, 4);
        assertThat(machine.code(XRSTOR).fault()).isEqualTo("13:0");
        machine.put(AREA + 512, 1).put(AREA + 520, 1L << 63);
        assertThat(machine.code(XRSTOR).fault()).isEqualTo("13:0");
    }

    @Test
    void controlRegistersForbid() {
        cpu.cr0 |= Control.CR0_TS;
        assertThat(machine.code(FXSAVE).fault()).isEqualTo("7:-1");
        assertThat(machine.code(XSAVE).fault()).isEqualTo("7:-1");
        cpu.cr4 &= ~Control.CR4_OSXSAVE;
        assertThat(machine.code(XSAVE).fault()).isEqualTo("6:-1");
        cpu.cr0 = cpu.cr0 & ~Control.CR0_TS;
        cpu.cr4 &= ~Control.CR4_OSFXSR;
        assertThat(machine.code("0fae13").fault()).isEqualTo("6:-1"); // ldmxcsr
        assertThat(machine.code("0f58c1").fault()).isEqualTo("6:-1"); // addps
        cpu.cr0 |= Control.CR0_EM;
        assertThat(machine.code("d8c1").fault()).isEqualTo("7:-1"); // fadd
        assertThat(machine.code("0ffcc1").fault()).isEqualTo("6:-1"); // paddb mm
    }
}
