package jcrosvm.vhostuser;

import jcrosvm.base.VmmException;

/** The connection to a peer cannot be used any more, or the peer refused a request. */
public final class ProtocolException extends VmmException {
    private static final long serialVersionUID = 1L;

    /** Why. */
    public enum Cause {
        /** The peer sent what the protocol does not allow. */
        BROKEN,
        /** The peer is gone. */
        CLOSED,
        /** The peer did not answer in time. */
        TIMEOUT,
        /** The peer answered that it failed; the connection can be used on. */
        REFUSED
    }

    private final Cause why;

    public ProtocolException(String message, Cause why) {
        super(message);
        this.why = why;
    }

    public Cause why() {
        return why;
    }
}
