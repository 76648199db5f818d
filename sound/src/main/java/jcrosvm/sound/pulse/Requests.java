package jcrosvm.sound.pulse;

import java.util.LinkedHashMap;
import java.util.Map;
import jcrosvm.sound.StreamParameters;

/** The requests that a stream makes. */
final class Requests {
    private static final long LEAST_BUFFER_NANOS = 20_000_000;
    private static final int MOST_PERIODS = 4;
    private static final int AUX0 = 12;

    private final TagWriter out = new TagWriter();
    private final PulseServer server;
    private final StreamParameters stream;
    private int tag;

    Requests(PulseServer server, StreamParameters stream) {
        this.server = server;
        this.stream = stream;
    }

    /** The tag of the request made last, which its reply has too. */
    int tag() {
        return tag;
    }

    private TagWriter begin(int command) {
        tag = tag + 1 & Integer.MAX_VALUE;
        return out.begin(command, tag);
    }

    TagWriter authenticate() {
        return begin(Protocol.AUTH).u32(Protocol.VERSION).bytes(server.cookieBytes());
    }

    TagWriter setName() {
        Map<String, String> properties = new LinkedHashMap<>();
        properties.put("application.name", server.client());
        return begin(Protocol.SET_CLIENT_NAME).properties(properties);
    }

    private Map<String, String> properties() {
        Map<String, String> properties = new LinkedHashMap<>();
        properties.put("media.name", (stream.isCapture() ? "capture " : "playback ") + stream.index());
        if (stream.cancelsEcho()) {
            properties.put("filter.want", "echo-cancel");
        }
        return properties;
    }

    /** What the server keeps of a playback stream: as the driver's buffer, within bounds. */
    int bufferBytes() {
        long least = Math.max(2L * stream.periodBytes(), stream.bytes(LEAST_BUFFER_NANOS));
        return (int)
                Math.clamp(stream.bufferBytes(), least, Math.max(least, MOST_PERIODS * (long) stream.periodBytes()));
    }

    /** @param corked whether the stream is to stand still at first */
    TagWriter create(boolean corked) {
        begin(stream.isCapture() ? Protocol.CREATE_RECORD_STREAM : Protocol.CREATE_PLAYBACK_STREAM)
                .sampleSpec(Protocol.format(stream.format()), stream.channels(), stream.rate())
                .channelMap(channels(stream.channels()))
                .u32(Protocol.NONE)
                .string(stream.isCapture() ? server.source() : server.sink())
                .u32(Protocol.NONE) // maxlength: as much as the server allows
                .bool(corked);
        if (stream.isCapture()) {
            out.u32(stream.periodBytes());
        } else {
            out.u32(bufferBytes())
                    .u32(stream.periodBytes()) // heard once there is a period
                    .u32(stream.periodBytes()) // asked for by periods
                    .u32(0)
                    .volume(stream.channels());
        }
        flags(7); // remap, remix, take over format, rate and channels, stay, vary the rate: none
        out.bool(false)
                .bool(true)
                .properties(properties()); // not muted, not peaks alone; the device's latency counts too
        if (stream.isCapture()) {
            out.u32(Protocol.NONE).bool(false); // of no one playback stream; no early requests
        } else {
            flags(3); // volume and mute are the server's to choose; no early requests
        }
        flags(2); // suspended devices wake up, and do not fail the stream
        return out;
    }

    private void flags(int count) {
        for (int i = 0; i < count; i++) {
            out.bool(false);
        }
    }

    static byte[] channels(int count) {
        return switch (count) {
            case 1 -> new byte[] {0};
            case 2 -> new byte[] {1, 2};
            case 3 -> new byte[] {1, 2, 3};
            case 4 -> new byte[] {1, 2, 5, 6};
            case 5 -> new byte[] {1, 2, 3, 5, 6};
            case 6 -> new byte[] {1, 2, 3, 7, 5, 6};
            default -> {
                byte[] all = new byte[count];
                for (int i = 0; i < count; i++) {
                    all[i] = (byte) (AUX0 + i);
                }
                yield all;
            }
        };
    }

    TagWriter cork(int channel, boolean on) {
        return begin(stream.isCapture() ? Protocol.CORK_RECORD_STREAM : Protocol.CORK_PLAYBACK_STREAM)
                .u32(channel)
                .bool(on);
    }

    TagWriter flush(int channel) {
        return begin(stream.isCapture() ? Protocol.FLUSH_RECORD_STREAM : Protocol.FLUSH_PLAYBACK_STREAM)
                .u32(channel);
    }

    TagWriter drain(int channel) {
        return begin(Protocol.DRAIN_PLAYBACK_STREAM).u32(channel);
    }

    TagWriter delete(int channel) {
        return begin(stream.isCapture() ? Protocol.DELETE_RECORD_STREAM : Protocol.DELETE_PLAYBACK_STREAM)
                .u32(channel);
    }

    TagWriter latency(int channel) {
        return begin(stream.isCapture() ? Protocol.GET_RECORD_LATENCY : Protocol.GET_PLAYBACK_LATENCY)
                .u32(channel)
                .time(0, 0); // the server gives it back, and it is not needed
    }
}
