package jcrosvm.devices.net;

import static jcrosvm.devices.net.NetSpec.*;

import jcrosvm.virtio.ConfigBytes;

/** The configuration space of network devices (virtio 1.3, 5.1.4), of which nothing can be written. */
final class NetConfigSpace {
    private NetConfigSpace() {}

    static void read(int offset, byte[] into, MacAddress mac, boolean up, int pairs, int mtu) {
        ConfigBytes space = new ConfigBytes(CONFIG_LENGTH);
        for (int i = 0; i < MacAddress.LENGTH; i++) {
            space.putByte(i, mac.at(i));
        }
        space.putShort(CONFIG_STATUS, up ? VIRTIO_NET_S_LINK_UP : 0)
                .putShort(CONFIG_PAIRS, pairs)
                .putShort(CONFIG_MTU, mtu)
                .read(offset, into);
    }
}
