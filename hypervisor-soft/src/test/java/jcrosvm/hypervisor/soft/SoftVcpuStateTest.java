package jcrosvm.hypervisor.soft;

import static org.assertj.core.api.Assertions.assertThat;

import jcrosvm.hypervisor.Msi;
import jcrosvm.hypervisor.x86.VcpuState;
import jcrosvm.hypervisor.x86.X86Vcpu;
import jcrosvm.hypervisor.x86.X86Vm;
import jcrosvm.memory.GuestMemory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SoftVcpuStateTest {
    private static final long TO_PROCESSOR_1 = 0xfee0_1000L;
    private static final int NMI = 4 << 8;
    private static final int INIT = 5 << 8;
    private static final int STARTUP = 6 << 8 | 0x9a;

    @ParameterizedTest
    @ValueSource(ints = {NMI, INIT, STARTUP})
    void messagesThatNoProcessorHasSeenYetAreSaved(int message) {
        try (GuestMemory memory = GuestMemory.ofSize(0x1_0000);
                X86Vm first = new SoftVm(memory);
                X86Vm second = new SoftVm(memory);
                X86Vcpu sent = first.createVcpu(1);
                X86Vcpu restored = second.createVcpu(1)) {
            VcpuState before = restored.state();
            first.irqChip().signal(new Msi(TO_PROCESSOR_1, message));
            VcpuState saved = sent.state();
            assertThat(saved.parts().get("REST")).isNotEqualTo(before.parts().get("REST"));
            restored.restore(saved);
            VcpuState after = restored.state();
            assertThat(after.parts().get("REST")).isEqualTo(saved.parts().get("REST"));
            assertThat(after.parts().get("LOCAL_APIC")).isEqualTo(saved.parts().get("LOCAL_APIC"));
            assertThat(after.registers()).isEqualTo(saved.registers());
            assertThat(after.specialRegisters()).isEqualTo(saved.specialRegisters());
        }
    }
}
