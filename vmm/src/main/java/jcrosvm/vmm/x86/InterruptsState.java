package jcrosvm.vmm.x86;

import java.util.Objects;
import java.util.Optional;
import jcrosvm.platform.irqchip.UserspaceIrqChipState;

/**
 * The interrupt controllers but the local APICs. Routes of messages are not in it: they follow from the IOAPIC and the
 * devices' vectors.
 *
 * @param userspace those of the machine's own
 * @param kernel those of the hypervisor, in a form of its own; empty when it has none
 */
public record InterruptsState(Optional<UserspaceIrqChipState> userspace, byte[] kernel) {
    public InterruptsState {
        Objects.requireNonNull(userspace);
        kernel = kernel.clone();
    }
}
