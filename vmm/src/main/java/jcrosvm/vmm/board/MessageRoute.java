package jcrosvm.vmm.board;

import jcrosvm.base.io.EventFd;
import jcrosvm.bus.MessageInterrupt;
import jcrosvm.hypervisor.IrqChip;
import jcrosvm.hypervisor.Msi;
import org.jspecify.annotations.Nullable;

/**
 * A device's message-signalled interrupt. Sent directly, it needs nothing of the interrupt controller; only one that
 * an event sends takes a place in the routing table.
 */
final class MessageRoute implements MessageInterrupt {
    private final IrqRouting routing;
    private final IrqChip chip;
    private Msi msi = new Msi(0, 0); // all guarded by this
    private int gsi = -1;
    private @Nullable EventFd event;

    MessageRoute(IrqRouting routing, IrqChip chip) {
        this.routing = routing;
        this.chip = chip;
    }

    @Override
    public synchronized void route(long address, int data) {
        if (msi.address() != address || msi.data() != data) {
            msi = new Msi(address, data);
            if (gsi >= 0) {
                routing.route(gsi, msi);
            }
        }
    }

    @Override
    public synchronized void signal() {
        chip.signal(msi);
    }

    @Override
    public synchronized void connect(@Nullable EventFd newEvent) {
        EventFd old = event;
        if (old == newEvent) {
            return;
        }
        if (old != null) {
            chip.unregisterIrqFd(gsi, old);
        }
        event = newEvent;
        if (newEvent != null) {
            if (gsi < 0) {
                gsi = routing.allocateGsi();
                routing.route(gsi, msi);
            }
            chip.registerIrqFd(gsi, newEvent, null);
        }
    }

    @Override
    public synchronized void close() {
        connect(null);
        if (gsi >= 0) {
            routing.freeGsi(gsi);
            gsi = -1;
        }
    }
}
