package jcrosvm.network;

import static jcrosvm.network.Offloads.*;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;

/** One queue of a tap: packets go to and come from the host's kernel with the header as it is. */
public final class TapBackend implements NetBackend {
    private static final long TUNSETOFFLOAD = 0x400454d0L;
    private static final int TUN_F_CSUM = 1;
    private static final int TUN_F_TSO4 = 2;
    private static final int TUN_F_TSO6 = 4;
    private static final int TUN_F_UFO = 0x10;
    private static final int TUN_F_USO4 = 0x20;
    private static final int TUN_F_USO6 = 0x40;
    private static final int SEGMENTS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    private static final int DATAGRAMS = TUN_F_USO4 | TUN_F_USO6;
    /** What kernels offer, the newest first. */
    private static final int[] OFFERS = {
        SEGMENTS | TUN_F_UFO | DATAGRAMS, SEGMENTS | DATAGRAMS, SEGMENTS | TUN_F_UFO, SEGMENTS, TUN_F_CSUM, 0
    };

    private final Fd fd;
    private final int mtu;
    private final long features;

    private TapBackend(Fd fd, int mtu) {
        this.fd = fd;
        this.mtu = mtu;
        int flags = offers(fd);
        long found = guestFeatures(flags) | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6;
        if ((flags & TUN_F_UFO) != 0) {
            found |= VIRTIO_NET_F_HOST_UFO;
        }
        if ((flags & DATAGRAMS) != 0) {
            found |= VIRTIO_NET_F_HOST_USO;
        }
        features = found;
        guestOffloads(0);
    }

    /** The backends of all queues of a tap. */
    public static List<TapBackend> of(TapPort port) {
        List<TapBackend> backends = new ArrayList<>();
        for (Fd fd : port.queues()) {
            // Only the first one can be asked while the others are not attached; all are of one interface.
            backends.add(new TapBackend(fd, port.mtu()));
        }
        return backends;
    }

    private static int offers(Fd fd) {
        for (int flags : OFFERS) {
            if (fd.tryIoctl(TUNSETOFFLOAD, flags) >= 0) {
                return flags;
            }
        }
        return 0;
    }

    private static long guestFeatures(int flags) {
        long features = 0;
        features |= (flags & TUN_F_CSUM) != 0 ? VIRTIO_NET_F_GUEST_CSUM : 0;
        features |= (flags & TUN_F_TSO4) != 0 ? VIRTIO_NET_F_GUEST_TSO4 : 0;
        features |= (flags & TUN_F_TSO6) != 0 ? VIRTIO_NET_F_GUEST_TSO6 : 0;
        features |= (flags & TUN_F_UFO) != 0 ? VIRTIO_NET_F_GUEST_UFO : 0;
        features |= (flags & TUN_F_USO4) != 0 ? VIRTIO_NET_F_GUEST_USO4 : 0;
        features |= (flags & TUN_F_USO6) != 0 ? VIRTIO_NET_F_GUEST_USO6 : 0;
        return features;
    }

    private static int flags(long features) {
        if ((features & VIRTIO_NET_F_GUEST_CSUM) == 0) {
            return 0; // all others build on it
        }
        int flags = TUN_F_CSUM;
        flags |= (features & VIRTIO_NET_F_GUEST_TSO4) != 0 ? TUN_F_TSO4 : 0;
        flags |= (features & VIRTIO_NET_F_GUEST_TSO6) != 0 ? TUN_F_TSO6 : 0;
        flags |= (features & VIRTIO_NET_F_GUEST_UFO) != 0 ? TUN_F_UFO : 0;
        long datagrams = VIRTIO_NET_F_GUEST_USO4 | VIRTIO_NET_F_GUEST_USO6;
        flags |= (features & datagrams) == datagrams ? DATAGRAMS : 0; // Linux takes both or none
        return flags;
    }

    @Override
    public long features() {
        return features;
    }

    @Override
    public void guestOffloads(long wanted) {
        fd.tryIoctl(TUNSETOFFLOAD, flags(wanted & features));
    }

    @Override
    public boolean send(IoVec packet) {
        // A header that makes no sense, an interface that is down: the packet is lost, as on any cable.
        return fd.tryWritev(packet) != -Errno.EAGAIN;
    }

    @Override
    public int receive(IoVec into) {
        return (int) Math.max(0, fd.tryReadv(into));
    }

    @Override
    public Fd descriptor() {
        return fd;
    }

    @Override
    public int mtu() {
        return mtu;
    }

    @Override
    public void attach(boolean on) {
        TapPort.attachQueue(fd, on);
    }

    @Override
    public void close() {
        fd.close();
    }
}
