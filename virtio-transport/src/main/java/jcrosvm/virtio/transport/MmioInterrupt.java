package jcrosvm.virtio.transport;

import jcrosvm.base.io.EventFd;
import jcrosvm.bus.IrqLine;
import org.jspecify.annotations.Nullable;

/**
 * The interrupt of a virtio MMIO device: a line that is up as long as the interrupt status has a bit that the driver did
 * not acknowledge (virtio 1.3, 4.2.3.4). Takes no lock but its own and the line's.
 */
final class MmioInterrupt implements DriverInterrupt {
    private final TransportHost host;
    private final IrqLine line;
    private final @Nullable EventFd[] calls; // guarded by itself, as watching them is
    private int status; // guarded by this

    MmioInterrupt(TransportHost host, IrqLine line, int queues) {
        this.host = host;
        this.line = line;
        calls = new EventFd[queues];
    }

    @Override
    public void used(int queue) {
        raise(MmioSpec.INTERRUPT_USED);
    }

    @Override
    public void config() {
        raise(MmioSpec.INTERRUPT_CONFIG);
    }

    private synchronized void raise(int bit) {
        status |= bit;
        line.set(true);
    }

    synchronized int status() {
        return status;
    }

    synchronized void acknowledge(int bits) {
        status &= ~bits;
        line.set(status != 0);
    }

    synchronized void restore(int saved) {
        status = saved;
        line.set(status != 0);
    }

    @Override
    public void lost(String reason) {
        host.deviceLost(reason);
    }

    @Override
    public EventFd callEvent(int queue) {
        synchronized (calls) {
            EventFd call = calls[queue];
            if (call == null) {
                call = new EventFd();
                calls[queue] = call;
                host.watch(call, () -> used(queue));
            }
            return call;
        }
    }

    void close() {
        synchronized (calls) {
            for (int i = 0; i < calls.length; i++) {
                EventFd call = calls[i];
                if (call != null) {
                    host.unwatch(call);
                    call.close();
                    calls[i] = null;
                }
            }
        }
        acknowledge(-1);
    }
}
