package jcrosvm.virtio.transport;

import java.util.Optional;
import jcrosvm.base.Limits;

/**
 * The registers of a {@link VirtioTransport}. Those in the configuration space of a PCI function are the bus's to save.
 *
 * @param selectors what other registers show
 * @param interruptStatus ISR or InterruptStatus: bit 0 for queues, bit 1 for the configuration
 * @param vectors of a PCI function; empty for one of memory-mapped registers
 * @param session what driver and device have agreed on
 */
public record TransportState(
        SelectorsState selectors, int interruptStatus, Optional<VectorsState> vectors, SessionState session) {
    public TransportState {
        Limits.bits("the interrupt status", interruptStatus, PciSpec.ISR_QUEUE | PciSpec.ISR_CONFIG);
        if (vectors.isPresent()) {
            selectors.requirePci();
            Limits.size(
                    "the list of the queues' vectors",
                    vectors.get().queues().size(),
                    session.queues().size());
        }
    }
}
