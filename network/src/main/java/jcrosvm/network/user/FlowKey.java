package jcrosvm.network.user;

/**
 * The two ends of a flow: the guest's and the one that the guest sees. Mutable only to look things up without making
 * garbage; what is in a table does not change.
 */
final class FlowKey {
    long guestHigh;
    long guestLow;
    int guestPort;
    long remoteHigh;
    long remoteLow;
    int remotePort;

    FlowKey set(long guestHigh, long guestLow, int guestPort, long remoteHigh, long remoteLow, int remotePort) {
        this.guestHigh = guestHigh;
        this.guestLow = guestLow;
        this.guestPort = guestPort;
        this.remoteHigh = remoteHigh;
        this.remoteLow = remoteLow;
        this.remotePort = remotePort;
        return this;
    }

    FlowKey copy() {
        return new FlowKey().set(guestHigh, guestLow, guestPort, remoteHigh, remoteLow, remotePort);
    }

    /** Both ports as they stand in a packet of the guest. */
    int ports() {
        return guestPort << 16 | remotePort;
    }

    boolean isV4() {
        return IpAddress.isV4(guestHigh, guestLow);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof FlowKey key
                && remoteLow == key.remoteLow
                && remoteHigh == key.remoteHigh
                && guestLow == key.guestLow
                && guestHigh == key.guestHigh
                && guestPort == key.guestPort
                && remotePort == key.remotePort;
    }

    @Override
    public int hashCode() {
        long hash = guestHigh * 0x9e3779b97f4a7c15L + guestLow;
        hash = hash * 0x9e3779b97f4a7c15L + remoteHigh;
        hash = hash * 0x9e3779b97f4a7c15L + remoteLow;
        hash = hash * 0x9e3779b97f4a7c15L + ports();
        return (int) (hash ^ hash >>> 32);
    }

    @Override
    public String toString() {
        return new IpAddress(guestHigh, guestLow) + ":" + guestPort + " - " + new IpAddress(remoteHigh, remoteLow) + ":"
                + remotePort;
    }
}
