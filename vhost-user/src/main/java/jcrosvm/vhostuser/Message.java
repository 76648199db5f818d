package jcrosvm.vhostuser;

import java.util.List;
import jcrosvm.base.io.Fd;

/**
 * A request that a peer has sent.
 *
 * @param needsReply whether the peer waits for an acknowledgement
 * @param descriptors that came with it; the receiver owns them
 */
public record Message(Request request, boolean needsReply, Payload payload, List<Fd> descriptors)
        implements AutoCloseable {
    /** The payload of a request that carries such a one, as {@link Request#payload} says. */
    public <P extends Payload> P payload(Class<P> type) {
        return type.cast(payload);
    }

    /** Closes the descriptors, but for those that were released. */
    @Override
    public void close() {
        descriptors.forEach(Fd::close);
    }
}
