package jcrosvm.virtio.transport;

import jcrosvm.base.io.EventFd;
import jcrosvm.bus.MessageInterrupt;
import jcrosvm.memory.GuestMemory;

/** What a transport needs of its machine. Thread-safe. */
public interface TransportHost {
    GuestMemory memory();

    /** Features that the platform adds to every device's. */
    default long features() {
        return 0;
    }

    /**
     * Signals {@code event} when the guest writes to this place of its memory, instead of calling the device of the bus.
     *
     * @param size bytes of the write; 0 for any
     */
    void registerKick(long address, int size, long value, boolean anyValue, EventFd event);

    void unregisterKick(long address, int size, long value, boolean anyValue, EventFd event);

    /** A new message-signalled interrupt, not routed anywhere yet. */
    MessageInterrupt newMessage();

    /** A device is lost for good. Called on any thread; returns at once. */
    void deviceLost(String reason);

    /** Runs {@code action} on the machine's event thread whenever {@code event} is signalled; it is drained before. */
    void watch(EventFd event, Runnable action);

    void unwatch(EventFd event);
}
