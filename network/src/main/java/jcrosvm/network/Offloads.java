package jcrosvm.network;

/**
 * What one side may leave to the other in packets with a {@code virtio_net_hdr}: feature bits as linux/virtio_net.h and
 * virtio 1.3, 5.1.3 spell them.
 */
public final class Offloads {
    public static final long VIRTIO_NET_F_CSUM = 1L;
    public static final long VIRTIO_NET_F_GUEST_CSUM = 1L << 1;
    public static final long VIRTIO_NET_F_GUEST_TSO4 = 1L << 7;
    public static final long VIRTIO_NET_F_GUEST_TSO6 = 1L << 8;
    public static final long VIRTIO_NET_F_GUEST_UFO = 1L << 10;
    public static final long VIRTIO_NET_F_HOST_TSO4 = 1L << 11;
    public static final long VIRTIO_NET_F_HOST_TSO6 = 1L << 12;
    public static final long VIRTIO_NET_F_HOST_UFO = 1L << 14;
    public static final long VIRTIO_NET_F_GUEST_USO4 = 1L << 54;
    public static final long VIRTIO_NET_F_GUEST_USO6 = 1L << 55;
    public static final long VIRTIO_NET_F_HOST_USO = 1L << 56;

    /** What {@code VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET} can switch: features of packets that the driver gets. */
    public static final long GUEST_OFFLOADS = VIRTIO_NET_F_GUEST_CSUM
            | VIRTIO_NET_F_GUEST_TSO4
            | VIRTIO_NET_F_GUEST_TSO6
            | VIRTIO_NET_F_GUEST_UFO
            | VIRTIO_NET_F_GUEST_USO4
            | VIRTIO_NET_F_GUEST_USO6;

    /** Features of packets that the driver sends. */
    public static final long HOST_OFFLOADS = VIRTIO_NET_F_CSUM
            | VIRTIO_NET_F_HOST_TSO4
            | VIRTIO_NET_F_HOST_TSO6
            | VIRTIO_NET_F_HOST_UFO
            | VIRTIO_NET_F_HOST_USO;

    private Offloads() {}
}
