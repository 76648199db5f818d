package jcrosvm.virtio.transport;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import jcrosvm.base.io.EventFd;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.pci.Msix;
import org.jspecify.annotations.Nullable;

/**
 * The interrupts of a virtio PCI function: MSI-X where the driver uses it, else its INTx pin with the ISR register.
 * Takes no lock but its own, the line's and the vectors', so that workers may call it whatever else is going on.
 */
final class PciInterrupt implements DriverInterrupt {
    private final TransportHost host;
    private final Msix msix;
    /** Vectors of the queues and, last, of the configuration. */
    private final AtomicIntegerArray vectors;

    private final @Nullable EventFd[] calls;
    private final int[] connected;
    private IrqLine line = level -> {};
    private int isr; // guarded by this, as the arrays of events are

    PciInterrupt(TransportHost host, Msix msix, int queues) {
        this.host = host;
        this.msix = msix;
        vectors = new AtomicIntegerArray(queues + 1);
        calls = new EventFd[queues];
        connected = new int[queues];
        Arrays.fill(connected, PciSpec.VIRTIO_MSI_NO_VECTOR);
        reset();
    }

    synchronized void line(IrqLine intx) {
        line = intx;
    }

    private int configIndex() {
        return vectors.length() - 1;
    }

    @Override
    public void used(int queue) {
        if (msix.enabled()) {
            msix.signal(vectors.get(queue));
        } else {
            raise(PciSpec.ISR_QUEUE);
        }
    }

    @Override
    public void config() {
        if (msix.enabled()) {
            msix.signal(vectors.get(configIndex()));
        } else {
            raise(PciSpec.ISR_CONFIG);
        }
    }

    private synchronized void raise(int bit) {
        isr |= bit;
        line.set(true);
    }

    /** The driver reads the ISR register, which clears it. */
    synchronized int acknowledge() {
        int bits = isr;
        isr = 0;
        line.set(false);
        return bits;
    }

    /** @param queue or the number of queues for the configuration's vector */
    int vector(int queue) {
        return vectors.get(queue);
    }

    /** The driver chooses a vector; one that is not there becomes none. */
    void vector(int queue, int vector) {
        vectors.set(queue, vector < msix.count() ? vector : PciSpec.VIRTIO_MSI_NO_VECTOR);
        update();
    }

    int configVector() {
        return vector(configIndex());
    }

    void configVector(int vector) {
        vector(configIndex(), vector);
    }

    @Override
    public void lost(String reason) {
        host.deviceLost(reason);
    }

    @Override
    public synchronized EventFd callEvent(int queue) {
        EventFd call = calls[queue];
        if (call == null) {
            call = new EventFd();
            calls[queue] = call;
            host.watch(call, () -> used(queue));
            update();
        }
        return call;
    }

    /** Lets the events lead where signals do now: straight to a vector, or through the event thread to the pin. */
    synchronized void update() {
        for (int queue = 0; queue < calls.length; queue++) {
            EventFd call = calls[queue];
            int wanted = call != null && msix.enabled() ? vectors.get(queue) : PciSpec.VIRTIO_MSI_NO_VECTOR;
            if (wanted != PciSpec.VIRTIO_MSI_NO_VECTOR && isConnected(wanted, queue)) {
                wanted = PciSpec.VIRTIO_MSI_NO_VECTOR; // a vector takes one event; others go by way of the thread
            }
            if (call == null || wanted == connected[queue]) {
                continue;
            }
            if (connected[queue] == PciSpec.VIRTIO_MSI_NO_VECTOR) {
                host.unwatch(call);
            } else {
                msix.connect(connected[queue], null);
            }
            connected[queue] = wanted;
            if (wanted == PciSpec.VIRTIO_MSI_NO_VECTOR) {
                host.watch(call, () -> used(queueOf(call)));
            } else {
                msix.connect(wanted, call);
            }
        }
    }

    private boolean isConnected(int vector, int exceptQueue) {
        for (int i = 0; i < connected.length; i++) {
            if (i != exceptQueue && connected[i] == vector) {
                return true;
            }
        }
        return false;
    }

    private int queueOf(EventFd call) {
        return Arrays.asList(calls).indexOf(call);
    }

    synchronized int status() {
        return isr;
    }

    VectorsState vectors() {
        List<Integer> queues = new ArrayList<>();
        for (int queue = 0; queue < configIndex(); queue++) {
            queues.add(vector(queue));
        }
        return new VectorsState(queues, configVector(), msix.state());
    }

    /** The number of queues and vectors is right. */
    synchronized void restore(int status, VectorsState saved) {
        msix.restore(saved.msix());
        for (int queue = 0; queue < configIndex(); queue++) {
            vectors.set(queue, saved.queues().get(queue));
        }
        vectors.set(configIndex(), saved.config());
        update();
        isr = status;
        line.set(isr != 0);
    }

    /** As after a reset of the device. */
    void reset() {
        for (int i = 0; i < vectors.length(); i++) {
            vectors.set(i, PciSpec.VIRTIO_MSI_NO_VECTOR);
        }
        update();
        int ignored = acknowledge();
    }

    synchronized void close() {
        for (int i = 0; i < calls.length; i++) {
            EventFd call = calls[i];
            if (call != null) {
                if (connected[i] == PciSpec.VIRTIO_MSI_NO_VECTOR) {
                    host.unwatch(call);
                } else {
                    msix.connect(connected[i], null);
                }
                call.close();
                calls[i] = null;
            }
        }
        msix.close();
    }
}
