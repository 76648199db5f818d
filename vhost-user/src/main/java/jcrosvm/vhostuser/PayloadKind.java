package jcrosvm.vhostuser;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.vhostuser.ProtocolException.Cause;

/** The layouts of payloads, all little-endian as every host of this program. */
public enum PayloadKind {
    EMPTY,
    U64,
    VRING_STATE,
    VRING_ADDRESS,
    MEMORY_TABLE,
    MEMORY_REGION,
    CONFIG,
    INFLIGHT,
    LOG,
    STATE_TRANSFER;

    /** Regions of one memory table at most. */
    public static final int MAX_REGIONS = 8;
    /** Bytes of configuration space in one message at most. */
    public static final int MAX_CONFIG = 256;

    private static final int INFLIGHT_PADDING = 4;
    /** Bytes of a payload at most: more than the longest of these. */
    static final int MAX_SIZE = 4096;

    /**
     * Reads a payload of this kind.
     *
     * @throws ProtocolException when the bytes are not one
     */
    Payload decode(byte[] bytes) {
        ByteBuffer from = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        try {
            Payload payload = decode(from);
            if (from.hasRemaining()) {
                throw new ProtocolException("%d bytes are too many for %s".formatted(bytes.length, this), Cause.BROKEN);
            }
            return payload;
        } catch (java.nio.BufferUnderflowException e) {
            throw new ProtocolException("%d bytes are too few for %s".formatted(bytes.length, this), Cause.BROKEN);
        }
    }

    private Payload decode(ByteBuffer from) {
        return switch (this) {
            case EMPTY -> Payload.EMPTY;
            case U64 -> new Payload.U64(from.getLong());
            case VRING_STATE -> new Payload.VringState(from.getInt(), from.getInt());
            case VRING_ADDRESS ->
                new Payload.VringAddress(
                        from.getInt(), from.getInt(), from.getLong(), from.getLong(), from.getLong(), from.getLong());
            case MEMORY_TABLE -> memoryTable(from);
            case MEMORY_REGION -> {
                from.getLong(); // padding
                yield new Payload.MemoryRegionMessage(region(from));
            }
            case CONFIG -> config(from);
            case INFLIGHT -> inflight(from);
            case LOG -> new Payload.Log(from.getLong(), from.getLong());
            case STATE_TRANSFER -> new Payload.StateTransfer(from.getInt(), from.getInt());
        };
    }

    private static Payload memoryTable(ByteBuffer from) {
        int count = from.getInt();
        from.getInt(); // padding
        if (count < 0 || count > MAX_REGIONS) {
            throw new ProtocolException(
                    "a memory table has " + (count & 0xffffffffL) + " regions; the limit is " + MAX_REGIONS,
                    Cause.BROKEN);
        }
        List<Payload.Region> regions = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            regions.add(region(from));
        }
        return new Payload.MemoryTable(regions);
    }

    private static Payload.Region region(ByteBuffer from) {
        return new Payload.Region(from.getLong(), from.getLong(), from.getLong(), from.getLong());
    }

    /** The fields are 20 bytes; QEMU and others send the structure of their C compilers, which has four more. */
    private static Payload inflight(ByteBuffer from) {
        Payload payload = new Payload.Inflight(
                from.getLong(), from.getLong(), from.getShort() & 0xffff, from.getShort() & 0xffff);
        if (from.remaining() == INFLIGHT_PADDING) {
            from.getInt();
        }
        return payload;
    }

    private static Payload config(ByteBuffer from) {
        if (!from.hasRemaining()) {
            return new Payload.Config(0, 0, new byte[0]); // how some backends say that they failed
        }
        int offset = from.getInt();
        int size = from.getInt();
        int flags = from.getInt();
        int present = from.remaining();
        if (offset < 0 || offset > MAX_CONFIG || present > MAX_CONFIG || present != size) {
            throw new ProtocolException(
                    "a part of the configuration space has offset %d, size %d and %d bytes"
                            .formatted(offset, size, present),
                    Cause.BROKEN);
        }
        byte[] bytes = new byte[present];
        from.get(bytes);
        return new Payload.Config(offset, flags, bytes);
    }

    /** The bytes of a payload, whatever its kind. */
    static byte[] encode(Payload payload) {
        ByteBuffer into = ByteBuffer.allocate(MAX_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        switch (payload) {
            case Payload.Empty empty -> {}
            case Payload.U64 number -> into.putLong(number.value());
            case Payload.VringState state -> into.putInt(state.index()).putInt(state.number());
            case Payload.VringAddress at ->
                into.putInt(at.index())
                        .putInt(at.flags())
                        .putLong(at.descriptors())
                        .putLong(at.used())
                        .putLong(at.available())
                        .putLong(at.log());
            case Payload.MemoryTable table -> {
                into.putInt(table.regions().size()).putInt(0);
                table.regions().forEach(region -> put(into, region));
            }
            case Payload.MemoryRegionMessage one -> put(into.putLong(0), one.region());
            case Payload.Config config ->
                into.putInt(config.offset())
                        .putInt(config.bytes().length)
                        .putInt(config.flags())
                        .put(config.bytes());
            case Payload.Inflight inflight ->
                into.putLong(inflight.size())
                        .putLong(inflight.offset())
                        .putShort((short) inflight.queues())
                        .putShort((short) inflight.queueSize())
                        .putInt(0);
            case Payload.Log log -> into.putLong(log.size()).putLong(log.offset());
            case Payload.StateTransfer transfer ->
                into.putInt(transfer.direction()).putInt(transfer.phase());
        }
        byte[] bytes = new byte[into.position()];
        into.flip().get(bytes);
        return bytes;
    }

    private static void put(ByteBuffer into, Payload.Region region) {
        into.putLong(region.guestAddress())
                .putLong(region.size())
                .putLong(region.userAddress())
                .putLong(region.offset());
    }
}
