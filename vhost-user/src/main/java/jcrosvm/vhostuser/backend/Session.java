package jcrosvm.vhostuser.backend;

import static jcrosvm.vhostuser.ProtocolFeatures.*;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.memory.GuestMemory;
import jcrosvm.vhostuser.FrontEndRequest;
import jcrosvm.vhostuser.Message;
import jcrosvm.vhostuser.Payload;
import jcrosvm.vhostuser.Payload.U64;
import jcrosvm.vhostuser.Payload.VringState;
import jcrosvm.vhostuser.PayloadKind;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import org.jspecify.annotations.Nullable;

/** What a front end and a device have agreed on: carries out the front end's requests. */
final class Session implements AutoCloseable {
    private static final LimitedLog LOG = LimitedLog.of(Session.class);

    private static final long DEVICE_NEEDS_RESET = 0x40;
    private static final long COMMON_PROTOCOL = MQ
            | LOG_SHMFD
            | REPLY_ACK
            | BACKEND_REQ
            | CONFIG
            | RESET_DEVICE
            | CONFIGURE_MEM_SLOTS
            | STATUS
            | INFLIGHT_SHMFD;
    /**
     * Bits that are between driver and transport: some front ends send all that the driver has accepted, whether the
     * backend has offered it or not (NOTIFY_ON_EMPTY, ANY_LAYOUT, ORDER_PLATFORM, SR_IOV, RING_RESET).
     */
    private static final long OF_TRANSPORTS = 1L << 24 | 1L << 27 | 1L << 36 | 1L << 37 | 1L << 40;

    private final VirtioDevice device;
    private final String peer;
    private final long own;
    private final long protocol;
    private final int configLength;
    private final FrontEndLink link = new FrontEndLink();
    private final MemoryTable memory;
    private final InflightTable inflight;
    private final Rings rings;
    private final RingRequests ringRequests;
    private final StateRequests state;
    private final PeerEvent logChanged = new PeerEvent();
    private @Nullable DirtyLog log;
    private boolean isLogging;
    private long status;

    Session(VirtioDevice device, String peer, GuestMemorySource source) {
        this.device = device;
        this.peer = peer;
        DeviceTraits traits = device.traits();
        own = traits.features() | VirtioFeatures.RINGS | VirtioFeatures.VIRTIO_F_RING_PACKED;
        protocol = COMMON_PROTOCOL | (traits.unsavable().isEmpty() ? DEVICE_STATE : 0);
        configLength = Math.min(traits.configLength(), PayloadKind.MAX_CONFIG);
        memory = new MemoryTable(source);
        inflight = new InflightTable(traits.queueSizes().size());
        rings = new Rings(device, memory, inflight, link::mark);
        ringRequests = new RingRequests(rings);
        state = new StateRequests(rings, traits.unsavable(), peer);
        link.onFailure(rings::signalErrors);
    }

    void begin() {
        device.attach(link);
    }

    /**
     * Carries a request out.
     *
     * @return the answer; null when the request has none of its own
     * @throws VmmException when it cannot be done
     */
    @Nullable
    Payload perform(Message message) {
        switch ((FrontEndRequest) message.request()) {
            case GET_FEATURES -> {
                return new U64(own | VHOST_USER_F_PROTOCOL_FEATURES | VHOST_F_LOG_ALL);
            }
            case GET_PROTOCOL_FEATURES -> {
                return new U64(protocol);
            }
            case GET_QUEUE_NUM -> {
                return new U64(rings.count());
            }
            case GET_MAX_MEM_SLOTS -> {
                return new U64(MemoryTable.MAX_SLOTS);
            }
            case GET_STATUS -> {
                return new U64(status | (link.needsReset() ? DEVICE_NEEDS_RESET : 0));
            }
            case GET_CONFIG -> {
                return config(message.payload(Payload.Config.class));
            }
            case GET_VRING_BASE -> {
                return ringRequests.stop(message.payload(VringState.class));
            }
            case SET_DEVICE_STATE_FD -> {
                return new U64(state.begin(message) ? U64.NO_DESCRIPTOR : U64.NO_DESCRIPTOR | 1);
            }
            case CHECK_DEVICE_STATE -> {
                return new U64(state.end() ? 0 : 1);
            }
            case GET_INFLIGHT_FD -> {
                return newInflight(message.payload(Payload.Inflight.class));
            }
            case SET_LOG_BASE -> {
                openLog(message);
                return Payload.EMPTY;
            }
            case SET_FEATURES -> features(number(message));
            case SET_PROTOCOL_FEATURES -> requireOffered(number(message), protocol);
            case SET_OWNER -> {}
            case RESET_OWNER -> rings.disable();
            case RESET_DEVICE -> reset();
            case SET_STATUS -> status(number(message));
            case SET_CONFIG -> writeConfig(message.payload(Payload.Config.class));
            case SET_MEM_TABLE -> memoryTable(message);
            case ADD_MEM_REG -> addRegion(message);
            case REM_MEM_REG ->
                memory(memory.without(
                        message.payload(Payload.MemoryRegionMessage.class).region()));
            case SET_VRING_NUM, SET_VRING_BASE, SET_VRING_ENABLE -> ringRequests.change(message);
            case SET_VRING_ADDR -> ringRequests.address(message.payload(Payload.VringAddress.class));
            case SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR -> ringRequests.event(message);
            case SET_BACKEND_REQ_FD -> link.connect(UnixSocket.adopt(Descriptors.takeNonBlocking(message)), peer);
            case SET_LOG_FD -> logChanged.replace(Descriptors.event(message));
            case SET_INFLIGHT_FD -> keptInflight(message);
        }
        return null;
    }

    private static long number(Message message) {
        return message.payload(U64.class).value();
    }

    private static void requireOffered(long features, long offered) {
        if ((features & ~offered) != 0) {
            throw new VmmException("features 0x%x were not offered".formatted(features & ~offered));
        }
    }

    private void features(long accepted) {
        requireOffered(accepted, own | VHOST_USER_F_PROTOCOL_FEATURES | VHOST_F_LOG_ALL | OF_TRANSPORTS);
        logging((accepted & VHOST_F_LOG_ALL) != 0);
        rings.accepted(accepted & own, (accepted & VHOST_USER_F_PROTOCOL_FEATURES) == 0);
    }

    private void status(long value) {
        if ((value & ~0xffL) != 0) {
            throw new VmmException("0x%x is no device status".formatted(value));
        }
        if (value == 0) {
            reset();
        }
        status = value;
    }

    private void reset() {
        status = 0;
        rings.reset();
        inflight.close();
        link.wasReset();
    }

    private Payload config(Payload.Config asked) {
        int length = asked.bytes().length;
        boolean isWithin = asked.offset() <= configLength - length;
        byte[] bytes = new byte[isWithin ? length : 0];
        device.readConfig(asked.offset(), bytes);
        return new Payload.Config(asked.offset(), asked.flags(), bytes);
    }

    private void writeConfig(Payload.Config config) {
        int length = config.bytes().length;
        if (config.offset() > configLength - length) {
            throw new VmmException("%d bytes at %d are not within the configuration space of %d"
                    .formatted(length, config.offset(), configLength));
        }
        device.writeConfig(config.offset(), config.bytes());
    }

    private void memoryTable(Message message) {
        List<Payload.Region> regions =
                message.payload(Payload.MemoryTable.class).regions();
        if (regions.size() != message.descriptors().size()) {
            throw new VmmException(regions.size() + " memory regions came with "
                    + message.descriptors().size() + " descriptors");
        }
        List<MemoryTable.Slot> slots = new ArrayList<>();
        for (int i = 0; i < regions.size(); i++) {
            slots.add(new MemoryTable.Slot(
                    regions.get(i), Descriptors.own(message.descriptors().get(i))));
        }
        memory(slots);
    }

    private void addRegion(Message message) {
        memory.requireRoom();
        Payload.Region region =
                message.payload(Payload.MemoryRegionMessage.class).region();
        memory(memory.with(new MemoryTable.Slot(region, Descriptors.take(message))));
    }

    /** Rings go on in the new memory where they stood in the one before. */
    private void memory(List<MemoryTable.Slot> slots) {
        GuestMemory opened = memory.open(slots);
        boolean wasLogging = isLogging;
        rings.stop();
        logging(false);
        memory.use(slots, opened);
        logging(wasLogging);
        rings.start();
    }

    /** What goes along with an answer. */
    Fd[] descriptors(Payload answer) {
        return answer instanceof Payload.Inflight ? inflight.file() : new Fd[0];
    }

    private Payload newInflight(Payload.Inflight asked) {
        rings.stop();
        Payload answer = inflight.make(asked, rings.isPacked());
        rings.start();
        return answer;
    }

    private void keptInflight(Message message) {
        try (Fd file = Descriptors.take(message)) {
            rings.stop();
            inflight.use(message.payload(Payload.Inflight.class), file, rings.isPacked());
            rings.start();
        }
    }

    private void openLog(Message message) {
        try (Fd file = Descriptors.take(message)) {
            DirtyLog opened = new DirtyLog(message.payload(Payload.Log.class), file, logChanged);
            DirtyLog before = log;
            log = opened;
            logging(isLogging); // before the other ends: no write is missed by both
            if (before != null) {
                GuestMemory ram = memory.memory();
                if (ram != null) {
                    ram.removeWriteListener(before);
                }
                before.close();
            }
        }
    }

    /** Begins or ends to note writes, as far as there is a bitmap to note them in. */
    private void logging(boolean on) {
        GuestMemory ram = memory.memory();
        if (log != null && ram != null) {
            ram.removeWriteListener(log);
            if (on) {
                ram.addWriteListener(log);
            }
        }
        isLogging = on;
    }

    /** Leaves the device as if the session had never been. */
    @Override
    public void close() {
        state.close();
        rings.close();
        attempt(device::reset);
        attempt(() -> device.attach(DeviceHost.NONE));
        logging(false);
        inflight.close();
        memory.close();
        if (log != null) {
            log.close();
        }
        logChanged.close();
        link.close();
    }

    private void attempt(Runnable call) {
        try {
            call.run();
        } catch (RuntimeException e) {
            LOG.log(System.Logger.Level.ERROR, "the device cannot be reset: " + e, e);
        }
    }
}
