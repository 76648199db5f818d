package jcrosvm.devices.net;

import jcrosvm.base.io.Fd;
import jcrosvm.virtio.vhost.Vhost;

/** What /dev/vhost-net has beside the requests of all vhost devices: a ring is worked on while it has a tap. */
final class VhostNet {
    static final long VHOST_NET_SET_BACKEND = 0x4008af30L;

    private VhostNet() {}

    /** Has a ring worked on with this tap. */
    static void start(Vhost vhost, int index, Fd tap) {
        vhost.pair("VHOST_NET_SET_BACKEND", VHOST_NET_SET_BACKEND, index, tap.number());
    }

    /**
     * Ends the work on a ring and waits until nothing of it is in flight.
     *
     * @return position of the next request to take
     */
    static int stop(Vhost vhost, int index) {
        vhost.pair("VHOST_NET_SET_BACKEND", VHOST_NET_SET_BACKEND, index, -1);
        return vhost.available(index);
    }
}
