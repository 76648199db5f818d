package jcrosvm.devices.net;

import static jcrosvm.devices.net.NetSpec.*;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The configuration space of network devices (virtio 1.3, 5.1.4), of which nothing can be written. */
final class ConfigSpace {
    private ConfigSpace() {}

    static void read(int offset, byte[] into, MacAddress mac, boolean up, int pairs, int mtu) {
        ByteBuffer space = ByteBuffer.allocate(CONFIG_LENGTH).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < MacAddress.LENGTH; i++) {
            space.put(i, mac.at(i));
        }
        space.putShort(CONFIG_STATUS, (short) (up ? VIRTIO_NET_S_LINK_UP : 0));
        space.putShort(CONFIG_PAIRS, (short) pairs);
        space.putShort(CONFIG_MTU, (short) mtu);
        for (int i = 0; i < into.length && i < CONFIG_LENGTH - offset; i++) {
            into[i] = space.get(offset + i);
        }
    }
}
