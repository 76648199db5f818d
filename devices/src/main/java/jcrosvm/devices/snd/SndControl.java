package jcrosvm.devices.snd;

import static jcrosvm.devices.snd.SndSpec.VIRTIO_SND_S_BAD_MSG;
import static jcrosvm.devices.snd.SndSpec.VIRTIO_SND_S_NOT_SUPP;
import static jcrosvm.devices.snd.SndSpec.VIRTIO_SND_S_OK;

import java.util.List;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.Reader;
import jcrosvm.virtio.RequestHandler;
import jcrosvm.virtio.Writer;

/** The control queue (virtio 1.3, 5.14.6): answers every request, whatever it is. The worker's thread only. */
final class SndControl implements RequestHandler {
    private static final int STATUS = Integer.BYTES;
    private static final int INFO_HEADER = Integer.BYTES;
    private static final int QUERY = 3 * Integer.BYTES;
    private static final int SET_PARAMS = 20;
    private static final long UNSIGNED = 0xffffffffL;

    private final SndTables tables;
    private final List<PcmStream> streams;

    SndControl(SndTables tables, List<PcmStream> streams) {
        this.tables = tables;
        this.streams = streams;
    }

    @Override
    public long handle(DescriptorChain chain) {
        Reader request = chain.readable();
        Writer reply = chain.writable();
        if (reply.remaining() < STATUS) {
            return 0;
        }
        if (request.remaining() < Integer.BYTES) {
            return status(reply, VIRTIO_SND_S_BAD_MSG);
        }
        int code = request.getInt();
        return switch (code) {
            case SndSpec.VIRTIO_SND_R_JACK_INFO, SndSpec.VIRTIO_SND_R_PCM_INFO, SndSpec.VIRTIO_SND_R_CHMAP_INFO ->
                query(code, request, reply);
            case SndSpec.VIRTIO_SND_R_JACK_REMAP -> status(reply, VIRTIO_SND_S_NOT_SUPP);
            case SndSpec.VIRTIO_SND_R_PCM_SET_PARAMS,
                    SndSpec.VIRTIO_SND_R_PCM_PREPARE,
                    SndSpec.VIRTIO_SND_R_PCM_RELEASE,
                    SndSpec.VIRTIO_SND_R_PCM_START,
                    SndSpec.VIRTIO_SND_R_PCM_STOP -> status(reply, stream(code, request));
            default -> status(reply, VIRTIO_SND_S_BAD_MSG);
        };
    }

    private static long status(Writer reply, int status) {
        reply.putInt(status);
        return STATUS;
    }

    private int stream(int code, Reader request) {
        if (request.remaining() < Integer.BYTES) {
            return VIRTIO_SND_S_BAD_MSG;
        }
        int number = request.getInt();
        if (number < 0 || number >= streams.size()) {
            return VIRTIO_SND_S_BAD_MSG;
        }
        PcmStream stream = streams.get(number);
        return switch (code) {
            case SndSpec.VIRTIO_SND_R_PCM_PREPARE -> stream.move(StreamState.PREPARE);
            case SndSpec.VIRTIO_SND_R_PCM_START -> stream.move(StreamState.START);
            case SndSpec.VIRTIO_SND_R_PCM_STOP -> stream.move(StreamState.STOP);
            case SndSpec.VIRTIO_SND_R_PCM_RELEASE -> stream.move(StreamState.RELEASE);
            default ->
                request.remaining() < SET_PARAMS - Integer.BYTES
                        ? VIRTIO_SND_S_BAD_MSG
                        : stream.setParameters(
                                request.getInt() & UNSIGNED,
                                request.getInt() & UNSIGNED,
                                request.getInt(),
                                request.getByte(),
                                request.getByte(),
                                request.getByte());
        };
    }

    /** Describes some of a kind, each in as many bytes as the driver says (virtio 1.3, 5.14.6.1). */
    private long query(int code, Reader request, Writer reply) {
        if (request.remaining() < QUERY) {
            return status(reply, VIRTIO_SND_S_BAD_MSG);
        }
        long start = request.getInt() & UNSIGNED;
        long count = request.getInt() & UNSIGNED;
        long size = request.getInt() & UNSIGNED;
        int known = switch (code) {
            case SndSpec.VIRTIO_SND_R_JACK_INFO -> 0;
            case SndSpec.VIRTIO_SND_R_PCM_INFO -> tables.streams().size();
            default -> tables.chmaps().size();
        };
        // No device has more of a kind than an int counts, and no buffer more bytes than a long.
        if (start + count > known || size < INFO_HEADER || reply.remaining() - STATUS < count * size) {
            return status(reply, VIRTIO_SND_S_BAD_MSG);
        }
        int length = code == SndSpec.VIRTIO_SND_R_PCM_INFO ? SndSpec.PCM_INFO_LENGTH : SndSpec.CHMAP_INFO_LENGTH;
        if (count > 0 && size < length) {
            return status(reply, VIRTIO_SND_S_BAD_MSG);
        }
        status(reply, VIRTIO_SND_S_OK);
        for (int i = (int) start; i < start + count; i++) {
            if (code == SndSpec.VIRTIO_SND_R_PCM_INFO) {
                describe(reply, tables.streams().get(i));
            } else {
                describe(reply, tables.chmaps().get(i));
            }
            reply.skip(size - length);
        }
        return STATUS + count * size;
    }

    private static void describe(Writer reply, PcmEntry stream) {
        reply.putInt(stream.device());
        reply.putInt(SndSpec.STREAM_FEATURES);
        reply.putLong(stream.formats());
        reply.putLong(stream.rates());
        reply.putByte(direction(stream.isInput()));
        reply.putByte(1);
        reply.putByte(stream.mostChannels());
        reply.putInt(0); // with the next: padding
        reply.putByte(0);
    }

    private static void describe(Writer reply, SndTables.Chmap map) {
        reply.putInt(map.device());
        reply.putByte(direction(map.isInput()));
        reply.putByte(map.positions().size());
        for (int i = 0; i < SndSpec.MOST_CHMAP_CHANNELS; i++) {
            reply.putByte(i < map.positions().size() ? map.positions().get(i) : 0);
        }
    }

    private static int direction(boolean isInput) {
        return isInput ? SndSpec.VIRTIO_SND_D_INPUT : SndSpec.VIRTIO_SND_D_OUTPUT;
    }
}
