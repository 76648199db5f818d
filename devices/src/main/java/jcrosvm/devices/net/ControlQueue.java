package jcrosvm.devices.net;

import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.Reader;
import jcrosvm.virtio.RequestHandler;
import jcrosvm.virtio.Virtqueue;

/** Commands of the driver (virtio 1.3, 5.1.6.5): two bytes of class and command, data, and a byte to answer in. */
final class ControlQueue implements QueueHandler {
    private static final int BATCH = 64;
    private static final int HEADER = 2;

    /** What commands change; on the worker of the first pair. */
    interface Settings {
        /** @return whether the driver negotiated all of these offloads */
        boolean guestOffloads(long features);

        /** @return whether there are so many pairs */
        boolean pairs(int count);

        boolean mac(MacAddress address);
    }

    private final Settings settings;
    private final Runnable again;
    private final RequestHandler command = this::perform;
    private int budget;

    /** @param again has the queue looked at again, soon */
    ControlQueue(Settings settings, Runnable again) {
        this.settings = settings;
        this.again = again;
    }

    @Override
    public void process(Virtqueue queue) {
        budget = BATCH;
        if (!queue.forEach(command)) {
            again.run();
        }
    }

    private long perform(DescriptorChain chain) {
        if (budget-- == 0) {
            return RequestHandler.LATER;
        }
        boolean done = perform(chain.readable());
        if (chain.writable().remaining() == 0) {
            return 0;
        }
        chain.writable().putByte(done ? NetSpec.VIRTIO_NET_OK : NetSpec.VIRTIO_NET_ERR);
        return 1;
    }

    private boolean perform(Reader data) {
        if (data.remaining() < HEADER) {
            return false;
        }
        int group = data.getByte();
        int command = data.getByte();
        return switch (group) {
            // Our cables bring what there is, whatever was asked for: drivers and their stacks filter.
            case NetSpec.VIRTIO_NET_CTRL_RX -> command <= NetSpec.VIRTIO_NET_CTRL_RX_NOBCAST && data.remaining() == 1;
            case NetSpec.VIRTIO_NET_CTRL_VLAN ->
                command <= NetSpec.VIRTIO_NET_CTRL_VLAN_DEL && data.remaining() == Short.BYTES;
            case NetSpec.VIRTIO_NET_CTRL_MAC -> mac(command, data);
            case NetSpec.VIRTIO_NET_CTRL_MQ ->
                command == NetSpec.VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET
                        && data.remaining() == Short.BYTES
                        && settings.pairs(data.getShort());
            case NetSpec.VIRTIO_NET_CTRL_GUEST_OFFLOADS ->
                command == NetSpec.VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET
                        && data.remaining() == Long.BYTES
                        && settings.guestOffloads(data.getLong());
            default -> false;
        };
    }

    private boolean mac(int command, Reader data) {
        if (command == NetSpec.VIRTIO_NET_CTRL_MAC_TABLE_SET) {
            boolean stations = table(data);
            boolean groups = stations && table(data);
            return groups && data.remaining() == 0;
        }
        if (command != NetSpec.VIRTIO_NET_CTRL_MAC_ADDR_SET || data.remaining() != MacAddress.LENGTH) {
            return false;
        }
        long bits = 0;
        for (int i = 0; i < MacAddress.LENGTH; i++) {
            bits = bits << 8 | data.getByte();
        }
        MacAddress address = new MacAddress(bits);
        return address.isStation() && settings.mac(address);
    }

    /** Goes over a table: a count and so many addresses. */
    private static boolean table(Reader data) {
        if (data.remaining() < Integer.BYTES) {
            return false;
        }
        long length = MacAddress.LENGTH * (data.getInt() & 0xffffffffL);
        if (length > data.remaining()) {
            return false;
        }
        data.skip(length);
        return true;
    }
}
