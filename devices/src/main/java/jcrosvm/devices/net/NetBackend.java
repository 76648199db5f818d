package jcrosvm.devices.net;

import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;

/**
 * The far end of a network device's cable. Packets are Ethernet frames without checksum, each behind a {@code
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

    /** The GUEST_* features that the driver wants used from now on. */
    void guestOffloads(long features);

    /**
     * Takes a packet from the guest.
     *
     * @return false when it has no room now: the same packet again when {@link #descriptor} is writable
     */
    boolean send(IoVec packet);

    /**
     * Gives the next packet to the guest.
     *
     * @param into room for it; what does not fit is cut off
     * @return its length with header; 0 when there is none now
     */
    int receive(IoVec into);

    /** Readable when there is a packet to receive, writable when there is room for one to send. */
    Fd descriptor();

    /** MTU of the cable, for the driver. */
    int mtu();

    @Override
    void close();
}
