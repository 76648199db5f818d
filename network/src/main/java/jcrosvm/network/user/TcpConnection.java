package jcrosvm.network.user;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.NoRouteToHostException;
import java.net.StandardSocketOptions;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import jcrosvm.base.io.IoVec;
import org.jspecify.annotations.Nullable;

/**
 * A TCP connection that ends here twice: toward the guest in this stack, toward the host in a socket. What one side does
 * the other side gets to see: a FIN as the end of a stream, a reset as a reset, a full buffer as a shut window.
 */
final class TcpConnection implements HostLoop.Endpoint {
    /** How far it is; FINs are kept by the two halves. */
    private enum State {
        /** The guest wants it, the host's socket is connecting. */
        CONNECTING,
        /** Our SYN with ACK is on its way to the guest. */
        SYN_RECEIVED,
        /** A forwarded port was used: our SYN is on its way to the guest. */
        SYN_SENT,
        ESTABLISHED,
        /** Both sides have ended; the guest may have missed our last ACK. */
        TIME_WAIT,
        CLOSED
    }

    private static final long TIME_WAIT = 2_000_000_000L;
    private static final int MIN_MSS = 64;
    private static final int MAX_OWED_ACKS = 3;

    private final UserNetwork network;
    private final TcpNat nat;
    private final FlowKey key;
    private final SocketChannel channel;
    private final TcpSender sender;
    private final TcpReceiver receiver;
    private @Nullable SelectionKey selection;
    private State state;
    private long mac;
    private boolean isReadPaused;
    private boolean isSynDue;
    private boolean isOutputShut;
    private int owedAcks;
    private boolean isSackPermitted;
    private int guestSequence;
    private int guestScale = -1;
    private int guestMss;
    private long lastHeard;
    private boolean isReady;

    TcpConnection(UserNetwork network, TcpNat nat, FlowKey key, SocketChannel channel, boolean isFromGuest, long mac) {
        this.network = network;
        this.nat = nat;
        this.key = key;
        this.channel = channel;
        this.mac = mac;
        state = isFromGuest ? State.CONNECTING : State.SYN_SENT;
        sender = new TcpSender(nat.pool(), nat.initialSequence());
        receiver = new TcpReceiver(nat.pool());
        lastHeard = System.nanoTime();
    }

    FlowKey key() {
        return key;
    }

    long mac() {
        return mac;
    }

    TcpSender sender() {
        return sender;
    }

    TcpReceiver receiver() {
        return receiver;
    }

    boolean isClosed() {
        return state == State.CLOSED;
    }

    boolean isTimeWait() {
        return state == State.TIME_WAIT;
    }

    long lastHeard() {
        return lastHeard;
    }

    /** Begins with the guest's SYN. */
    void open(TcpSegment syn, InetSocketAddress target) {
        guestSequence = syn.sequence;
        takeOptions(syn);
        try {
            channel.configureBlocking(false);
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            if (channel.connect(target)) {
                selection = network.loop().register(channel, 0, this);
                connected();
            } else {
                selection = network.loop().register(channel, SelectionKey.OP_CONNECT, this);
            }
        } catch (IOException e) {
            refused(e);
        }
    }

    /** Begins with an accepted socket of a forwarded port: nothing is read of it before the guest has accepted too. */
    void open() {
        try {
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            selection = network.loop().register(channel, 0, this);
            isSynDue = true;
            sender.sentSyn(System.nanoTime());
            nat.due(this);
            ready();
        } catch (IOException e) {
            close();
        }
    }

    private void takeOptions(TcpSegment syn) {
        int most = network.mtu() - TcpSegment.HEADER - (key.isV4() ? 20 : 40);
        guestMss = Math.max(MIN_MSS, Math.min(syn.mss, most));
        guestScale = syn.windowScale;
        isSackPermitted = syn.isSackPermitted;
    }

    boolean isScaled() {
        return state == State.SYN_SENT || guestScale >= 0;
    }

    boolean isSackPermitted() {
        return isSackPermitted || state == State.SYN_SENT;
    }

    boolean hasSyn() {
        return isSynDue;
    }

    boolean isSynSent() {
        return state == State.SYN_SENT;
    }

    private void connected() {
        state = State.SYN_RECEIVED;
        receiver.establish(guestSequence, guestScale >= 0);
        isSynDue = true;
        sender.sentSyn(System.nanoTime());
        nat.due(this);
        ready();
    }

    private void refused(IOException e) {
        // Only a refused connection is one; for others there are ICMP's errors, which end a connection attempt too.
        if (e instanceof NoRouteToHostException) {
            network.icmp().unreachable(key, mac, IpPacket.TCP, guestSequence, Icmp.Unreachable.HOST);
        } else if (e instanceof ConnectException) {
            nat.reset(key, mac, 0, guestSequence + 1, true);
        } else {
            network.icmp().unreachable(key, mac, IpPacket.TCP, guestSequence, Icmp.Unreachable.NETWORK);
        }
        close();
    }

    /** Puts it in line for the guest's next free buffer. */
    private void ready() {
        if (!isReady && state != State.CLOSED) {
            isReady = true;
            nat.ready(this);
        }
    }

    /** A segment of the guest. */
    void receive(TcpSegment segment, long sourceMac, long now) {
        mac = sourceMac;
        lastHeard = now;
        switch (state) {
            case CONNECTING -> {
                if (segment.has(TcpSegment.RST) && segment.sequence == guestSequence + 1) {
                    close();
                }
            }
            case SYN_SENT -> answered(segment);
            case SYN_RECEIVED, ESTABLISHED, TIME_WAIT -> continued(segment, now);
            case CLOSED -> {}
        }
    }

    private void answered(TcpSegment segment) {
        boolean isOurs = segment.has(TcpSegment.ACK) && segment.acknowledgment == sender.first + 1;
        if (segment.has(TcpSegment.RST)) {
            if (isOurs) {
                resetHost();
            }
        } else if (!isOurs) {
            if (segment.has(TcpSegment.ACK)) {
                nat.reset(key, mac, segment.acknowledgment, 0, false);
            }
        } else if (segment.has(TcpSegment.SYN)) {
            takeOptions(segment);
            receiver.establish(segment.sequence, guestScale >= 0);
            established(segment);
            owe(1);
        }
    }

    private void established(TcpSegment segment) {
        state = State.ESTABLISHED;
        isSynDue = false;
        sender.establish(segment, Math.max(0, guestScale), guestMss);
        readHost();
    }

    private void continued(TcpSegment segment, long now) {
        if (segment.has(TcpSegment.SYN)) {
            if (state == State.SYN_RECEIVED && segment.sequence == guestSequence) {
                isSynDue = true;
                ready();
            } else if (state == State.TIME_WAIT && segment.sequence - receiver.next > 0) {
                close();
                nat.receiveAgain();
            } else {
                owe(1); // A challenge: what the guest answers shows whether it has forgotten (RFC 5961, 4).
            }
            return;
        }
        if (!receiver.isAcceptable(segment)) {
            if (!segment.has(TcpSegment.RST)) {
                owe(1);
            }
            return;
        }
        if (segment.has(TcpSegment.RST)) {
            if (segment.sequence == receiver.next) {
                resetHost();
            } else {
                owe(1);
            }
            return;
        }
        if (!segment.has(TcpSegment.ACK)) {
            return;
        }
        if (state == State.SYN_RECEIVED) {
            if (segment.acknowledgment != sender.first + 1) {
                nat.reset(key, mac, segment.acknowledgment, 0, false);
                return;
            }
            established(segment);
            if (state == State.CLOSED) {
                return;
            }
        }
        if (!sender.acknowledge(segment, now)) {
            owe(1);
            return;
        }
        if (isReadPaused && sender.buffered() <= nat.pool().ringSize() / 2) {
            readHost();
        }
        try {
            int acks = receiver.receive(segment, channel);
            if (acks > 0) {
                owe(acks);
            }
            pushed();
        } catch (IOException e) {
            resetGuest();
            return;
        }
        ready();
    }

    private void owe(int acks) {
        owedAcks = acks == 1 ? Math.max(1, owedAcks) : Math.min(MAX_OWED_ACKS, owedAcks + 1);
        ready();
    }

    /** After data went to the host: the end of it too, or waiting for room. */
    private void pushed() throws IOException {
        if (state == State.CLOSED || state == State.TIME_WAIT) {
            return;
        }
        if (receiver.isEnded() && !receiver.isWaiting() && !isOutputShut) {
            isOutputShut = true;
            channel.shutdownOutput();
        }
        if (isOutputShut && sender.isEndAcknowledged()) {
            end();
            return;
        }
        setInterest();
    }

    private void setInterest() {
        if (selection != null && state == State.ESTABLISHED) {
            boolean read = !sender.isEnded() && !isReadPaused;
            network.loop()
                    .interest(
                            selection,
                            (read ? SelectionKey.OP_READ : 0) | (receiver.isWaiting() ? SelectionKey.OP_WRITE : 0));
        }
    }

    /** Both ends are done. The end that closed last knows that its FIN arrived; only if that is us nothing is left to repeat. */
    private void end() {
        if (owedAcks == 0) {
            close();
            return;
        }
        state = State.TIME_WAIT;
        network.loop().close(channel);
        sender.release();
        receiver.release();
        nat.due(this);
        ready();
    }

    @Override
    public void ready(SelectionKey selected) {
        try {
            if (state == State.CONNECTING) {
                if (selected.isConnectable()) {
                    try {
                        channel.finishConnect();
                    } catch (IOException e) {
                        refused(e);
                        return;
                    }
                    network.loop().interest(selected, 0);
                    connected();
                }
                return;
            }
            if (selected.isWritable()) {
                receiver.flush(channel);
                if (receiver.isUpdateDue(guestMss)) {
                    owe(1);
                }
                pushed();
            }
            if (state == State.ESTABLISHED && selected.isReadable()) {
                readHost();
            }
        } catch (IOException e) {
            resetGuest();
        }
    }

    /** Takes what the host's peer has sent, as far as there is room. */
    void readHost() {
        if (state != State.ESTABLISHED || sender.isEnded()) {
            return;
        }
        ByteRing ring = sender.ring();
        if (ring == null) {
            isReadPaused = true;
            nat.starved();
            setInterest();
            return;
        }
        try {
            int n = ring.readFrom(channel);
            if (n < 0) {
                sender.end();
            }
            isReadPaused = ring.free() == 0;
            sender.trim();
            setInterest();
            if (n != 0) {
                ready();
            }
        } catch (IOException e) {
            resetGuest();
        }
    }

    /** The host's peer is gone. */
    private void resetGuest() {
        nat.reset(key, mac, sender.highest, receiver.next, true);
        close();
    }

    /** The guest is gone. */
    private void resetHost() {
        try {
            channel.setOption(StandardSocketOptions.SO_LINGER, 0); // Closing is then a reset.
        } catch (IOException e) {
            System.getLogger(TcpConnection.class.getName()).log(System.Logger.Level.DEBUG, "reset", e);
        }
        close();
    }

    /** Ends it without a word to the guest. */
    void close() {
        if (state != State.CLOSED) {
            if (state == State.CONNECTING && network.plan().isDns(key.remoteHigh, key.remoteLow)) {
                network.policy().resolverFailed(); // The next try goes to the next server.
            }
            state = State.CLOSED;
            network.loop().close(channel);
            sender.release();
            receiver.release();
            nat.closed(this);
        }
    }

    /** Does what time asks for. */
    void tick(long now, boolean hasMemory) {
        if (state == State.TIME_WAIT) {
            if (now - lastHeard > TIME_WAIT) {
                close();
            }
            return;
        }
        if (isReadPaused && hasMemory && sender.buffered() == 0) {
            readHost();
        }
        if (state == State.CLOSED || sender.deadline() == 0 || now - sender.deadline() < 0) {
            return;
        }
        boolean isEstablished = state == State.ESTABLISHED;
        if (!sender.expired(now, isEstablished)) {
            nat.reset(key, mac, sender.highest, receiver.next, true);
            resetHost();
            return;
        }
        isSynDue = !isEstablished;
        ready();
    }

    /** When {@link #tick} is due next; 0: never. */
    long deadline() {
        return state == State.TIME_WAIT ? lastHeard + TIME_WAIT : state == State.CLOSED ? 0 : sender.deadline();
    }

    /** Writes its next segment for the guest; the length, or 0 when there is none. */
    int poll(IoVec into, TcpWriter writer, long now) {
        if (state == State.CLOSED || state == State.CONNECTING) {
            return 0;
        }
        if (isSynDue) {
            if (mac < 0) {
                mac = network.macOf(new IpAddress(key.guestHigh, key.guestLow));
            }
            if (mac < 0) {
                return 0; // Asked for; comes again with the answer, or when time is up.
            }
            isSynDue = false;
            return writer.writeSyn(into, this, receiver.advertiseUnscaled());
        }
        if (state == State.ESTABLISHED && sender.plan(writer.room(into, this), now)) {
            owedAcks = receiver.early().isEmpty() ? 0 : owedAcks;
            int written = writer.writeData(into, this, receiver.advertise());
            sender.sent(now);
            return written;
        }
        if (owedAcks > 0) {
            owedAcks--;
            return writer.writeAck(into, this, receiver.advertise());
        }
        return 0;
    }

    /** It is not in line any more. */
    void unready() {
        isReady = false;
        nat.due(this);
    }

    /** The guest's address was found. */
    void found() {
        if (isSynDue) {
            ready();
        }
    }

    int mss() {
        return guestMss;
    }
}
