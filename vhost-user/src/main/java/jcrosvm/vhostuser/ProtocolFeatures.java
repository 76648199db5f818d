package jcrosvm.vhostuser;

/** Bits of GET_PROTOCOL_FEATURES that this implementation knows ("Protocol features"). */
public final class ProtocolFeatures {
    /** Feature bit of GET_FEATURES: there are protocol features, and rings begin disabled. */
    public static final long VHOST_USER_F_PROTOCOL_FEATURES = 1L << 30;
    /** Feature bit of GET_FEATURES: the backend can log its writes. */
    public static final long VHOST_F_LOG_ALL = 1L << 26;

    public static final long MQ = 1;
    public static final long LOG_SHMFD = 1L << 1;
    public static final long REPLY_ACK = 1L << 3;
    public static final long BACKEND_REQ = 1L << 5;
    public static final long CONFIG = 1L << 9;
    public static final long INFLIGHT_SHMFD = 1L << 12;
    public static final long RESET_DEVICE = 1L << 13;
    public static final long CONFIGURE_MEM_SLOTS = 1L << 15;
    public static final long STATUS = 1L << 16;
    public static final long DEVICE_STATE = 1L << 19;

    private ProtocolFeatures() {}
}
