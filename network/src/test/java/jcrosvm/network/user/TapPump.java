package jcrosvm.network.user;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Random;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.network.NetBackend;

/** Makes the host's kernel a guest: carries packets between a backend and a tap interface, as a device's worker would. */
final class TapPump implements AutoCloseable {
    private static final long TUNSETIFF = 0x400454caL;
    private static final long TUNSETOFFLOAD = 0x400454d0L;
    private static final long TUNSETVNETHDRSZ = 0x400454d8L;
    private static final int IFF_TAP_NO_PI_VNET_HDR = 2 | 0x1000 | 0x4000;
    private static final int TUN_F_CSUM_TSO4_TSO6 = 7;
    private static final int MAX = 70 << 10;
    private static final int BATCH = 64;

    private final NetBackend backend;
    private final Fd tap;
    private final EventFd stop = new EventFd();
    private final Poller poller = new Poller();
    private final Thread thread = Thread.ofPlatform().name("pump").unstarted(this::run);
    private final Random random = new Random(1);
    private final double loss;
    private volatile boolean isStopping;

    /** @param loss share of packets that get lost, in both directions */
    TapPump(NetBackend backend, String name, boolean offloads, double loss) {
        this.loss = loss;
        this.backend = backend;
        tap = Fd.open(Path.of("/dev/net/tun"), Fd.O_RDWR | Fd.O_NONBLOCK);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(40, 8);
            request.setString(0, name);
            request.set(ValueLayout.JAVA_SHORT, 16, (short) IFF_TAP_NO_PI_VNET_HDR);
            tap.ioctl("TUNSETIFF", TUNSETIFF, request);
            MemorySegment size = arena.allocateFrom(ValueLayout.JAVA_INT, NetBackend.HEADER);
            tap.ioctl("TUNSETVNETHDRSZ", TUNSETVNETHDRSZ, size);
            tap.ioctl("TUNSETOFFLOAD", TUNSETOFFLOAD, offloads ? TUN_F_CSUM_TSO4_TSO6 : 0);
        }
        backend.guestOffloads(offloads ? 1L << 1 | 1L << 7 | 1L << 8 : 0);
    }

    void start() {
        thread.start();
    }

    private void run() {
        poller.add(stop.fd(), Poller.READABLE, events -> isStopping = true);
        poller.add(tap, Poller.READABLE, events -> toBackend());
        poller.add(backend.descriptor(), Poller.READABLE, events -> toTap());
        while (!isStopping) {
            poller.poll(-1);
        }
    }

    private final MemorySegment buffer = Arena.ofAuto().allocate(MAX, 8);
    private final IoVec vector = new IoVec(4);

    private void toBackend() {
        for (int i = 0; i < BATCH; i++) {
            vector.clear();
            vector.add(buffer, 0, MAX);
            long n = tap.tryReadv(vector);
            if (n <= 0) {
                return;
            }
            vector.clear();
            vector.add(buffer, 0, n);
            if (random.nextDouble() >= loss) {
                backend.send(vector);
            }
        }
    }

    private void toTap() {
        for (int i = 0; i < BATCH; i++) {
            vector.clear();
            vector.add(buffer, 0, MAX);
            int n = backend.receive(vector);
            if (n == 0) {
                return;
            }
            vector.clear();
            vector.add(buffer, 0, n);
            if (random.nextDouble() >= loss) {
                tap.tryWritev(vector); // What the kernel refuses is lost, as on a wire.
            }
        }
    }

    @Override
    public void close() throws InterruptedException {
        stop.signal();
        thread.join();
        poller.close();
        stop.close();
        tap.close();
    }

    /** Runs a network by itself: arguments are the tap's name, "plain" or "offload", host-loopback, mtu, loss, and
     * forwards. */
    public static void main(String[] args) throws InterruptedException {
        UserNetworkConfig d = UserNetworkConfig.defaults();
        UserNetworkConfig config = new UserNetworkConfig(
                java.util.List.of(args).subList(5, args.length),
                d.net(),
                d.ipv6Net(),
                null,
                null,
                null,
                "guest",
                false,
                args[2].equals("allow") ? UserNetworkConfig.HostLoopback.ALLOW : UserNetworkConfig.HostLoopback.DENY,
                Integer.parseInt(args[3]));
        try (UserNetwork network = UserNetwork.open(config);
                TapPump pump = new TapPump(network, args[0], args[1].equals("offload"), Double.parseDouble(args[4]))) {
            pump.start();
            System.out.println("ready");
            pump.thread.join();
        }
    }
}
