package jcrosvm.devices.net;

import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.network.NetBackend;
import org.jspecify.annotations.Nullable;

/** A cable to the test: packets with their headers go through a pair of sockets that keep boundaries. */
final class Wire implements NetBackend {
    private static final int TIMEOUT_MILLIS = 20_000;

    private final long features;
    private final UnixSocket near;
    private final UnixSocket far;
    volatile long guestOffloads;
    volatile boolean attached = true;

    Wire(long features) {
        this.features = features;
        List<UnixSocket> ends = UnixSocket.pair(UnixSocket.Type.SEQPACKET);
        near = ends.getFirst();
        far = ends.getLast();
        near.fd().nonBlocking(true);
    }

    @Override
    public long features() {
        return features;
    }

    @Override
    public void guestOffloads(long wanted) {
        guestOffloads = wanted;
    }

    @Override
    public void attach(boolean on) {
        attached = on;
    }

    @Override
    public boolean send(IoVec packet) {
        return near.fd().tryWritev(packet) != -Errno.EAGAIN;
    }

    @Override
    public int receive(IoVec into) {
        return (int) Math.max(0, near.fd().tryReadv(into));
    }

    @Override
    public Fd descriptor() {
        return near.fd();
    }

    @Override
    public int mtu() {
        return 1500;
    }

    /** Gives the device a packet; waits while the cable is full. */
    void give(byte[] packet) {
        far.send(packet);
    }

    /** The next packet of the device, or null when none came in time. */
    byte @Nullable [] take() {
        if (Poller.await(far.fd(), Poller.READABLE, TIMEOUT_MILLIS) == 0) {
            return null;
        }
        UnixSocket.Message message = far.receive(NetSpec.MAX_PACKET);
        return message == null ? null : message.data();
    }

    /** Whether the device has sent something. */
    boolean isEmpty() {
        return Poller.await(far.fd(), Poller.READABLE, 0) == 0;
    }

    /** Pulls the cable out of the far end. */
    void cut() {
        far.close();
    }

    @Override
    public void close() {
        near.close();
        far.close();
    }
}
