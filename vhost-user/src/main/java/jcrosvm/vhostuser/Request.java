package jcrosvm.vhostuser;

import org.jspecify.annotations.Nullable;

/** A kind of message, and what it carries. */
public sealed interface Request permits FrontEndRequest, BackEndRequest {
    /** Number in the header. */
    int number();

    /** What the request carries. */
    PayloadKind payload();

    /** What its reply carries; null when only REPLY_ACK gives it one. */
    @Nullable
    PayloadKind reply();

    /** The most descriptors that come with the request. */
    int descriptors();

    String name();
}
