package jcrosvm.virtio.transport;

import jcrosvm.base.Stateful;
import jcrosvm.bus.Suspendable;

/** How a driver reaches a device, suspended and saved with it. */
public sealed interface VirtioTransport extends Suspendable, Stateful<TransportState>, AutoCloseable
        permits VirtioPciTransport, VirtioMmioTransport {
    /** What driver and device have agreed on. */
    DeviceSession session();

    /**
     * Checks all that {@link #restore} does before it changes something; only the device can then still refuse its own
     * state.
     *
     * @throws jcrosvm.base.VmmException when the state is not one of such a transport and device
     */
    void requireSame(TransportState state);

    /** Only while it is suspended. */
    @Override
    TransportState state();

    /** Only while it is suspended. Of a PCI function, the configuration space has been restored before. */
    @Override
    void restore(TransportState state);

    /** Takes the device off, reset. No vCPU runs any more. */
    @Override
    void close();
}
