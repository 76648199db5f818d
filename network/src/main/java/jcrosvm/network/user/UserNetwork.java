package jcrosvm.network.user;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;
import jcrosvm.network.NetBackend;

/**
 * A network for one guest, made of this process's sockets. Two threads use it, the device's worker and {@link HostLoop}'s,
 * under one lock; no thread blocks while it holds it. All memory is bounded: where a bound is met, packets are dropped, windows shut
 * or connections refused.
 */
public final class UserNetwork implements NetBackend {
    static final long SLOW_TICK = 1_000_000_000L;

    // Feature bits (virtio 1.3, 5.1.3)
    private static final long CSUM = 1L;
    private static final long GUEST_CSUM = 1L << 1;
    private static final long GUEST_TSO4 = 1L << 7;
    private static final long GUEST_TSO6 = 1L << 8;
    private static final long HOST_TSO4 = 1L << 11;
    private static final long HOST_TSO6 = 1L << 12;

    private static final int NEEDS_CSUM = 1;
    private static final int MAX_FRAME = PacketWriter.ETHERNET + 65535 + 40;
    private static final int RING_SIZE = 512 << 10;
    /** Where the host's name servers are found. */
    public static final Path RESOLV_CONF = Path.of("/etc/resolv.conf");

    private final ReentrantLock lock = new ReentrantLock();
    private final EventFd event = new EventFd();
    private final AddressPlan plan;
    private final int mtu;
    private final HostPolicy policy;
    private final HostLoop loop;
    private final PacketRing ring = new PacketRing(RING_SIZE);
    private final PacketWriter writer;
    private final Neighbors neighbors = new Neighbors();
    private final Arp arp;
    private final NeighborDiscovery discovery;
    private final Icmp icmp;
    private final TcpWriter tcpWriter;
    private final UdpNat udp;
    private final TcpNat tcp;
    private final Reassembly reassembly = new Reassembly();
    private final IpPacket packet = new IpPacket();
    private final ByteBuffer frame = ByteBuffer.allocateDirect(MAX_FRAME);
    private final MemorySegment frameSegment = MemorySegment.ofBuffer(frame);
    private final MemorySegment header = MemorySegment.ofBuffer(ByteBuffer.allocateDirect(HEADER));
    private boolean isSignalled;
    private boolean isClosed;
    private long advertised;

    private UserNetwork(UserNetworkConfig config, Path resolvConf) throws IOException {
        plan = AddressPlan.of(config);
        mtu = config.mtu();
        policy = new HostPolicy(
                plan,
                new HostResolver(resolvConf),
                config.restrict(),
                config.hostLoopback() == UserNetworkConfig.HostLoopback.ALLOW);
        loop = new HostLoop(lock, this::tick);
        writer = new PacketWriter(ring, plan.gatewayMac(), mtu, this::signal);
        arp = new Arp(plan, writer, neighbors);
        discovery = new NeighborDiscovery(plan, writer, neighbors, mtu, !config.restrict());
        icmp = new Icmp(plan, writer);
        tcpWriter = new TcpWriter(plan, mtu);
        udp = new UdpNat(this, new Dhcp(plan, writer, config.hostname(), mtu, !config.restrict()));
        tcp = new TcpNat(this, tcpWriter);
    }

    /**
     * Makes the network and opens its forwarded ports.
     *
     * @throws VmmException for a configuration that cannot be, or a port that cannot be had
     */
    public static UserNetwork open(UserNetworkConfig config) {
        return open(config, RESOLV_CONF);
    }

    static UserNetwork open(UserNetworkConfig config, Path resolvConf) {
        config.validate();
        UserNetwork network;
        try {
            network = new UserNetwork(config, resolvConf);
        } catch (IOException e) {
            throw new VmmException("net user: cannot make a selector: " + e.getMessage(), e);
        }
        try {
            network.listen(config.forwards());
        } catch (VmmException e) {
            network.close();
            throw e;
        }
        network.loop.start();
        return network;
    }

    private void listen(List<HostForward> forwards) {
        lock.lock();
        try {
            for (HostForward forward : forwards) {
                IpAddress guest = forward.guest() == null ? IpAddress.ofV4(plan.guest()) : forward.guest();
                try {
                    if (forward.tcp()) {
                        tcp.listen(forward, guest);
                    } else {
                        udp.listen(forward, guest);
                    }
                } catch (IOException e) {
                    throw UdpNat.inUse(forward, e);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Ports of the host that TCP forwards listen at, in the configuration's order; for port 0 what the system chose. */
    public List<Integer> tcpPorts() {
        return tcp.ports();
    }

    /** The same for UDP. */
    public List<Integer> udpPorts() {
        return udp.ports();
    }

    @Override
    public long features() {
        return CSUM | GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | HOST_TSO4 | HOST_TSO6;
    }

    @Override
    public void guestOffloads(long features) {
        lock.lock();
        try {
            tcpWriter.offloads(
                    (features & GUEST_CSUM) != 0, (features & GUEST_TSO4) != 0, (features & GUEST_TSO6) != 0);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public boolean send(IoVec from) {
        long length = from.length() - HEADER;
        if (length < PacketWriter.ETHERNET || length > MAX_FRAME) {
            return true; // Not a frame: dropped.
        }
        lock.lock();
        try {
            if (!isClosed) {
                // Copied once, since the guest may change it at any time.
                from.copyOut(0, header, 0, HEADER);
                from.copyOut(HEADER, frameSegment, 0, length);
                receive((int) length, (header.get(ValueLayout.JAVA_BYTE, 0) & NEEDS_CSUM) != 0);
            }
        } finally {
            lock.unlock();
        }
        return true;
    }

    private void receive(int end, boolean isChecksumPartial) {
        int type = frame.getShort(12) & 0xffff;
        long target = Arp.mac(frame, 0);
        long source = Arp.mac(frame, 6);
        if (target != plan.gatewayMac() && (target >>> 40 & 1) == 0 || (source >>> 40 & 1) != 0) {
            return;
        }
        if (type == PacketWriter.ETHERTYPE_ARP) {
            if (arp.receive(frame, PacketWriter.ETHERNET, end)) {
                tcp.found();
            }
            return;
        }
        if (type != PacketWriter.ETHERTYPE_V4 && (type != PacketWriter.ETHERTYPE_V6 || !plan.hasV6())) {
            return;
        }
        IpPacket p = packet;
        if (!p.parse(frame, PacketWriter.ETHERNET, end) || p.isV4 != (type == PacketWriter.ETHERTYPE_V4)) {
            return;
        }
        p.sourceMac = source;
        long now = System.nanoTime();
        if (p.isFragment) {
            if (!reassembly.add(p, now)) {
                return;
            }
            isChecksumPartial = false; // No host leaves the checksum of a fragment to others.
        }
        if (isFromGuest(p) && neighbors.learn(p.sourceHigh, p.sourceLow, source)) {
            tcp.found();
        }
        if (p.hopLimit <= 1 && !plan.isInside(p.targetHigh, p.targetLow) && !isToMany(p)) {
            if (isFromGuest(p)) {
                icmp.timeExceeded(p);
            }
            return;
        }
        switch (p.protocol) {
            case IpPacket.TCP -> tcp.receive(p, isChecksumPartial, now);
            case IpPacket.UDP -> udp.receive(p, isChecksumPartial, now);
            case IpPacket.ICMP, IpPacket.ICMPV6 -> icmp(p, now);
            default -> {
                if (isFromGuest(p) && !isToMany(p)) {
                    icmp.unreachable(p, Icmp.Unreachable.PROHIBITED);
                }
            }
        }
    }

    private void icmp(IpPacket p, long now) {
        if (p.isV4 != (p.protocol == IpPacket.ICMP)) {
            return;
        }
        if (!p.isV4 && discovery.receive(p)) {
            advertised = now;
            tcp.found();
            loop.tickWithin(NeighborDiscovery.ADVERTISE_NANOS);
        } else if (isFromGuest(p) && !isToMany(p)) {
            icmp.receive(p);
        }
    }

    /** Whether the source is an address that a guest can have. */
    boolean isFromGuest(IpPacket p) {
        return plan.isInside(p.sourceHigh, p.sourceLow)
                && !plan.isGateway(p.sourceHigh, p.sourceLow)
                && !plan.isDns(p.sourceHigh, p.sourceLow)
                && (!p.isV4 || (int) p.sourceLow != plan.broadcast() && (int) p.sourceLow != plan.net());
    }

    /** Whether it goes to a group or to all, which do not exist beyond the guest's network. */
    boolean isToMany(IpPacket p) {
        int v4 = (int) p.targetLow;
        return p.isV4 ? v4 >>> 28 == 0xe || v4 == -1 || v4 == plan.broadcast() : p.targetHigh >>> 56 == 0xff;
    }

    @Override
    public int receive(IoVec into) {
        lock.lock();
        try {
            if (isClosed) {
                return 0;
            }
            int written = ring.isEmpty() ? tcp.poll(into, System.nanoTime()) : poll(into);
            if (written == 0 && !ring.isEmpty()) {
                written = poll(into); // A connection asked where the guest is.
            }
            if (written == 0 && isSignalled) {
                isSignalled = false;
                event.drain();
            }
            return written;
        } finally {
            lock.unlock();
        }
    }

    private int poll(IoVec into) {
        int headerLength = (int) Math.min(HEADER, into.length());
        into.fill(0, headerLength, (byte) 0);
        if (headerLength == HEADER) {
            into.fill(10, 1, (byte) 1); // num_buffers
        }
        return headerLength + ring.poll(into, headerLength);
    }

    /** There is something for the guest. With the lock held. */
    void signal() {
        if (!isSignalled && !isClosed) {
            isSignalled = true;
            event.signal();
        }
    }

    private long tick(long now) {
        long soon = tcp.tick(now);
        udp.tick(now);
        long wait = NeighborDiscovery.ADVERTISE_NANOS;
        if (discovery.isWanted() && now - advertised >= wait) {
            advertised = now;
            discovery.advertise();
        }
        return Math.min(soon, udp.isIdle() ? wait : SLOW_TICK);
    }

    /** How a peer of the host looks to the guest: as itself if the guest can tell it from others, else as the router. */
    IpAddress presented(InetAddress peer, IpAddress guest) {
        IpAddress address = IpAddress.of(peer);
        if (address.isV4() == guest.isV4()
                && !peer.isLoopbackAddress()
                && !peer.isLinkLocalAddress()
                && !peer.isAnyLocalAddress()
                && !plan.isInside(address.high(), address.low())) {
            return address;
        }
        return guest.isV4() ? IpAddress.ofV4(plan.gateway()) : new IpAddress(plan.prefix(), AddressPlan.GATEWAY6);
    }

    /** Where an address of the guest is; -1 when that is not known, and was asked for. */
    long macOf(IpAddress guest) {
        long mac = neighbors.lookup(guest);
        if (mac < 0) {
            ask(guest);
        }
        return mac;
    }

    void ask(IpAddress guest) {
        if (guest.isV4()) {
            arp.ask(guest.v4());
        } else {
            discovery.ask(guest);
        }
    }

    AddressPlan plan() {
        return plan;
    }

    HostPolicy policy() {
        return policy;
    }

    HostLoop loop() {
        return loop;
    }

    PacketWriter writer() {
        return writer;
    }

    Icmp icmp() {
        return icmp;
    }

    @Override
    public Fd descriptor() {
        return event.fd();
    }

    @Override
    public String unsavable() {
        return "its connections end in this process";
    }

    @Override
    public int mtu() {
        return mtu;
    }

    @Override
    public void close() {
        lock.lock();
        try {
            if (isClosed) {
                return;
            }
            isClosed = true;
            tcp.close();
            udp.close();
        } finally {
            lock.unlock();
        }
        loop.close();
        event.close();
    }
}
