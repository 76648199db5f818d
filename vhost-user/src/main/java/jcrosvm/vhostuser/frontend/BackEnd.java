package jcrosvm.vhostuser.frontend;

import static jcrosvm.vhostuser.ProtocolFeatures.*;

import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.FrontEndRequest;
import jcrosvm.vhostuser.Message;
import jcrosvm.vhostuser.Payload;
import jcrosvm.vhostuser.PayloadKind;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.vhostuser.ProtocolException.Cause;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.VirtioFeatures;
import org.jspecify.annotations.Nullable;

/** A backend as its front end sees it: requests in the order of the specification. One thread at a time. */
public final class BackEnd implements AutoCloseable {
    /** Addresses in messages are guest physical ones and this, so that none is zero and none tells of our process. */
    private static final long USER_BASE = 1L << 46;

    private static final long WANTED =
            MQ | REPLY_ACK | BACKEND_REQ | CONFIG | RESET_DEVICE | CONFIGURE_MEM_SLOTS | STATUS | DEVICE_STATE;

    private final Connection connection;
    private final long wanted;
    private final long features;
    private final long protocolFeatures;
    private final @Nullable Connection requests;

    /**
     * Begins a session.
     *
     * @param connection which this object owns, also when it fails
     * @throws VmmException when the other end is no backend that this front end can use
     */
    public BackEnd(Connection connection) {
        this(connection, false);
    }

    /** @param isTracked whether it is to note which requests it has taken, if it can */
    BackEnd(Connection connection, boolean isTracked) {
        this.connection = connection;
        wanted = WANTED | (isTracked ? INFLIGHT_SHMFD : 0);
        try {
            connection.tell(FrontEndRequest.SET_OWNER, Payload.EMPTY);
            features = number(FrontEndRequest.GET_FEATURES);
            if ((features & VirtioFeatures.VIRTIO_F_VERSION_1) == 0) {
                throw new VmmException(
                        connection.peer() + " has a legacy device: its features are 0x%x, without".formatted(features)
                                + " VIRTIO_F_VERSION_1");
            }
            protocolFeatures = negotiateProtocol();
            requests = has(BACKEND_REQ) ? openRequests() : null;
        } catch (RuntimeException e) {
            connection.close();
            throw e;
        }
    }

    private long negotiateProtocol() {
        if ((features & VHOST_USER_F_PROTOCOL_FEATURES) == 0) {
            return 0;
        }
        long common = number(FrontEndRequest.GET_PROTOCOL_FEATURES) & wanted;
        connection.tell(FrontEndRequest.SET_PROTOCOL_FEATURES, new Payload.U64(common));
        return common;
    }

    private Connection openRequests() {
        List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.STREAM);
        try (UnixSocket theirs = pair.get(1)) {
            set(FrontEndRequest.SET_BACKEND_REQ_FD, Payload.EMPTY, theirs.fd());
            return new Connection(pair.get(0), connection.peer());
        } catch (RuntimeException e) {
            pair.get(0).close();
            throw e;
        }
    }

    /** Whether a protocol feature was negotiated. */
    public boolean has(long protocolFeature) {
        return (protocolFeatures & protocolFeature) != 0;
    }

    /** Everything that it offers. */
    public long features() {
        return features;
    }

    /** What it asks and tells by itself; null when it does not. */
    @Nullable
    Connection requests() {
        return requests;
    }

    Connection connection() {
        return connection;
    }

    private long number(FrontEndRequest request) {
        return connection.ask(Payload.U64.class, request, Payload.EMPTY).value();
    }

    /** Sends a request and waits until it is carried out, where the backend says so. */
    private void set(FrontEndRequest request, Payload payload, Fd... descriptors) {
        if (has(REPLY_ACK)) {
            connection.acknowledged(request, payload, descriptors);
        } else {
            connection.tell(request, payload, descriptors);
        }
    }

    /** How many queues it has at most. */
    int queueCount() {
        return Math.clamp(number(FrontEndRequest.GET_QUEUE_NUM), 0, Integer.MAX_VALUE);
    }

    /**
     * The first of these lengths of configuration space that it has; 0 if there is none. One that does not show its
     * configuration has the last: drivers want it, even if no feature gives it a meaning.
     */
    int configLength(int... lengths) {
        int last = 0;
        for (int length : lengths) {
            if (has(CONFIG) && tryConfig(length) != null) {
                return length;
            }
            last = length;
        }
        return has(CONFIG) ? 0 : last;
    }

    /**
     * The configuration space from its beginning: some backends give nothing else, whatever the offset in the request.
     * Zeros where the backend does not show it.
     *
     * @throws ProtocolException REFUSED when there are not as many bytes
     */
    byte[] config(int length) {
        byte[] bytes = has(CONFIG) && length > 0 ? tryConfig(length) : new byte[length];
        if (bytes == null) {
            throw new ProtocolException(
                    connection.peer() + " refused to show " + length + " bytes of configuration", Cause.REFUSED);
        }
        return bytes;
    }

    private byte @Nullable [] tryConfig(int length) {
        Payload.Config reply = connection.ask(
                Payload.Config.class, FrontEndRequest.GET_CONFIG, new Payload.Config(0, 0, new byte[length]));
        return reply.bytes().length == length ? reply.bytes() : null;
    }

    void writeConfig(int offset, byte[] from) {
        if (has(CONFIG)) {
            set(FrontEndRequest.SET_CONFIG, new Payload.Config(offset, 0, from));
        }
    }

    void negotiated(long accepted) {
        set(
                FrontEndRequest.SET_FEATURES,
                new Payload.U64(accepted & features | features & VHOST_USER_F_PROTOCOL_FEATURES));
    }

    /** Sets the device status (virtio 1.3, 2.1) where the backend wants to know it. */
    void status(int status) {
        if (has(STATUS)) {
            set(FrontEndRequest.SET_STATUS, new Payload.U64(status));
        }
    }

    /** Forgets the session; rings are stopped. */
    void reset() {
        if (has(STATUS)) {
            status(0);
        } else if (has(RESET_DEVICE)) {
            set(FrontEndRequest.RESET_DEVICE, Payload.EMPTY);
        }
    }

    /**
     * Shows it the guest's memory, in place of what was shown before.
     *
     * @throws VmmException when there are more regions than it can take
     */
    void memory(GuestMemory memory) {
        List<MemoryRegion> regions = memory.regions();
        if (regions.size() > PayloadKind.MAX_REGIONS) {
            throw new VmmException(connection.peer() + " can see " + PayloadKind.MAX_REGIONS
                    + " memory regions; the guest has " + regions.size());
        }
        set(
                FrontEndRequest.SET_MEM_TABLE,
                new Payload.MemoryTable(regions.stream().map(BackEnd::region).toList()),
                regions.stream().map(MemoryRegion::fd).toArray(Fd[]::new));
    }

    private static Payload.Region region(MemoryRegion region) {
        return new Payload.Region(region.address(), region.size(), USER_BASE + region.address(), region.offset());
    }

    /**
     * Has it make memory in which it notes the requests it has taken; only where INFLIGHT_SHMFD was negotiated.
     *
     * @return null when it does not note those of such rings
     */
    @Nullable
    InflightMemory makeNotes(int queues, int queueSize) {
        Payload.Inflight asked = new Payload.Inflight(0, 0, queues, queueSize);
        try (Message reply = connection.ask(1, FrontEndRequest.GET_INFLIGHT_FD, asked)) {
            Payload.Inflight made = reply.payload(Payload.Inflight.class);
            if (made.size() == 0 || reply.descriptors().isEmpty()) {
                return null;
            }
            return new InflightMemory(
                    new Payload.Inflight(made.size(), made.offset(), queues, queueSize),
                    Fd.adopt(reply.descriptors().getFirst().release()));
        }
    }

    /** Has it note its requests there, and take up those that are noted. */
    void useNotes(InflightMemory memory) {
        set(FrontEndRequest.SET_INFLIGHT_FD, memory.shape(), memory.file());
    }

    /** Has it work on a ring. */
    void start(QueueResources queue, EventFd error) {
        int index = queue.index();
        QueueLayout at = queue.layout();
        boolean packed = (queue.features() & VirtioFeatures.VIRTIO_F_RING_PACKED) != 0;
        int available = queue.state().available();
        int base = packed ? available | queue.state().used() << 16 : available;
        set(FrontEndRequest.SET_VRING_NUM, new Payload.VringState(index, at.size()));
        set(FrontEndRequest.SET_VRING_BASE, new Payload.VringState(index, base));
        set(
                FrontEndRequest.SET_VRING_ADDR,
                new Payload.VringAddress(
                        index,
                        0,
                        USER_BASE + at.descriptors(),
                        USER_BASE + at.device(),
                        USER_BASE + at.driver(),
                        at.device()));
        Payload ring = new Payload.U64(index);
        set(FrontEndRequest.SET_VRING_CALL, ring, queue.interrupt().callEvent().fd());
        set(FrontEndRequest.SET_VRING_ERR, ring, error.fd());
        set(FrontEndRequest.SET_VRING_KICK, ring, queue.kick().fd());
        enable(index, true);
    }

    private void enable(int index, boolean on) {
        if ((features & VHOST_USER_F_PROTOCOL_FEATURES) != 0) {
            set(FrontEndRequest.SET_VRING_ENABLE, new Payload.VringState(index, on ? 1 : 0));
        }
    }

    /** Ends the work on a ring: where it would go on, as {@link #start} takes it. */
    int stop(int index) {
        int base = connection
                .ask(Payload.VringState.class, FrontEndRequest.GET_VRING_BASE, new Payload.VringState(index, 0))
                .number();
        enable(index, false);
        return base;
    }

    /** The state of the device; only where DEVICE_STATE was negotiated. */
    StateChannel state() {
        return new StateChannel(connection);
    }

    @Override
    public void close() {
        if (requests != null) {
            requests.close();
        }
        connection.close();
    }
}
