package jcrosvm.bus;

import jcrosvm.base.io.EventFd;
import org.jspecify.annotations.Nullable;

/** One message-signalled interrupt of a device: a place in the machine's routing table. Thread-safe. */
public interface MessageInterrupt extends AutoCloseable {
    /** Where the guest wants it to go. */
    void route(long address, int data);

    /** Sends it now. */
    void signal();

    /**
     * Connects an event: from now on a signal on it sends the interrupt; what was signalled before is sent now.
     * Null disconnects.
     */
    void connect(@Nullable EventFd event);

    @Override
    void close();
}
