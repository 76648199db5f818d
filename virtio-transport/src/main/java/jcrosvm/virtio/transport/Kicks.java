package jcrosvm.virtio.transport;

/**
 * The places that a driver kicks queues at, as events that the hypervisor signals. They are registered when the first
 * kick comes without one, as a plain write: most devices of a booting machine are moved about several times before a
 * driver uses them, and some never are, while a hypervisor may take a millisecond for each event.
 */
final class Kicks {
    private final TransportHost host;
    private final DeviceSession session;
    private final int stride;
    private final int size;

    private long at = -1; // these two guarded by this
    private boolean registered;

    /**
     * @param stride bytes from one queue's place to the next; 0: they have one place, and the value tells the queue
     * @param size bytes of a kick, 0 for any
     */
    Kicks(TransportHost host, DeviceSession session, int stride, int size) {
        this.host = host;
        this.session = session;
        this.stride = stride;
        this.size = size;
    }

    /** Kicks are written to {@code address} from now on. */
    synchronized void moveTo(long address) {
        remove();
        at = address;
    }

    /** A kick that no event was registered for. */
    void signal(int queue) {
        session.signalKick(queue);
        register();
    }

    private synchronized void register() {
        if (at < 0 || registered) {
            return;
        }
        registered = true;
        for (int i = 0; i < session.queues(); i++) {
            host.registerKick(at + (long) stride * i, size, i, stride > 0, session.kick(i));
        }
    }

    /** Kicks are written nowhere. */
    synchronized void remove() {
        if (registered) {
            for (int i = 0; i < session.queues(); i++) {
                host.unregisterKick(at + (long) stride * i, size, i, stride > 0, session.kick(i));
            }
        }
        registered = false;
        at = -1;
    }
}
