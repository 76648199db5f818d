package jcrosvm.devices.net;

import jcrosvm.network.NetBackend;

/** Numbers of the network device (virtio 1.3, 5.1), spelled as there; those of offloads are in {@code Offloads}. */
public final class NetSpec {
    public static final long VIRTIO_NET_F_CTRL_GUEST_OFFLOADS = 1L << 2;
    public static final long VIRTIO_NET_F_MTU = 1L << 3;
    public static final long VIRTIO_NET_F_MAC = 1L << 5;
    public static final long VIRTIO_NET_F_MRG_RXBUF = 1L << 15;
    public static final long VIRTIO_NET_F_STATUS = 1L << 16;
    public static final long VIRTIO_NET_F_CTRL_VQ = 1L << 17;
    public static final long VIRTIO_NET_F_CTRL_RX = 1L << 18;
    public static final long VIRTIO_NET_F_CTRL_VLAN = 1L << 19;
    public static final long VIRTIO_NET_F_MQ = 1L << 22;
    public static final long VIRTIO_NET_F_CTRL_MAC_ADDR = 1L << 23;

    static final int DEVICE_TYPE = 1;
    static final int QUEUE_SIZE = 256;
    static final int CONFIG_LENGTH = 12;
    static final int CONFIG_STATUS = 6;
    static final int CONFIG_PAIRS = 8;
    static final int CONFIG_MTU = 10;
    static final int VIRTIO_NET_S_LINK_UP = 1;

    static final int VIRTIO_NET_OK = 0;
    static final int VIRTIO_NET_ERR = 1;
    static final int VIRTIO_NET_CTRL_RX = 0;
    static final int VIRTIO_NET_CTRL_RX_NOBCAST = 5;
    static final int VIRTIO_NET_CTRL_MAC = 1;
    static final int VIRTIO_NET_CTRL_MAC_TABLE_SET = 0;
    static final int VIRTIO_NET_CTRL_MAC_ADDR_SET = 1;
    static final int VIRTIO_NET_CTRL_VLAN = 2;
    static final int VIRTIO_NET_CTRL_VLAN_DEL = 1;
    static final int VIRTIO_NET_CTRL_MQ = 4;
    static final int VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET = 0;
    static final int VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX = 0x8000;
    static final int VIRTIO_NET_CTRL_GUEST_OFFLOADS = 5;
    static final int VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET = 0;

    /** Where {@code num_buffers} stands in {@code virtio_net_hdr_v1}. */
    static final int HEADER_NUM_BUFFERS = 10;
    /** The longest packet: its header, an Ethernet header with two tags, and as much as an IP length can say. */
    static final int MAX_PACKET = NetBackend.HEADER + 14 + 8 + 65535;

    static final int MIN_MTU = 68;
    static final int MAX_MTU = 65535;

    private NetSpec() {}
}
