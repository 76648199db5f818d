package jcrosvm.network;

import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;

/**
 * The far end of one queue pair's cable. Packets are Ethernet frames without checksum, each behind a {@code
 * virtio_net_hdr_v1} of 12 bytes (virtio 1.3, 5.1.6). Used by one thread at a time, the queue worker's; nothing blocks.
 */
public interface NetBackend extends AutoCloseable {
    /** Length of the header in front of every packet. */
    int HEADER = 12;

    /**
     * The feature bits of the network device that it can carry out: HOST_* and CSUM for packets that it takes, GUEST_*
     * for packets that it gives.
     */
    long features();

    /** The GUEST_* features that the driver wants used from now on; for the whole cable, whichever pair is asked. */
    void guestOffloads(long features);

    /**
     * Takes a packet from the guest. What cannot be sent at all is dropped.
     *
     * @param packet longer than {@link #HEADER}; its content is the guest's choice
     * @return false when it has no room now: the same packet again when {@link #descriptor} is writable
     */
    boolean send(IoVec packet);

    /**
     * Gives the next packet to the guest.
     *
     * @param into room for it, enough for any packet there is
     * @return its length with header; 0 when there is none now
     */
    int receive(IoVec into);

    /**
     * Readable when there is a packet to receive, writable when there is room for one to send. When it hangs up, the
     * cable is cut for ever.
     */
    Fd descriptor();

    /** Why a guest that uses it cannot be saved; empty when it can. */
    default String unsavable() {
        return "";
    }

    /** MTU of the cable, for the driver. */
    int mtu();

    /** Joins this pair to the cable or takes it off, for a driver that uses fewer pairs than there are. */
    default void attach(boolean on) {}

    @Override
    void close();
}
