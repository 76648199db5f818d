package jcrosvm.vmm.x86;

import java.util.Map;
import jcrosvm.bus.testing.FakeClock;
import jcrosvm.bus.testing.StateCoverage;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.Vm;
import jcrosvm.vmm.FakeHypervisor;
import org.junit.jupiter.api.Test;

class X86InterruptsTest {
    @Test
    void nothingThatChangesIsForgotten() {
        FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> null);
        try (Vm vm = hypervisor.createVm(null, IrqChipMode.SPLIT)) {
            X86Interrupts interrupts = new X86Interrupts(vm.irqChip(), new FakeClock(), () -> {});
            new StateCoverage(Map.ofEntries(
                            Map.entry("X86Interrupts.chip", "the hypervisor's, with a state of its own"),
                            Map.entry("X86Interrupts.userspace", "has a test of its own"),
                            Map.entry("X86Interrupts.routing", "messages of the IOAPIC and of the devices' vectors")))
                    .check(interrupts)
                    .assertComplete();
        }
    }
}
