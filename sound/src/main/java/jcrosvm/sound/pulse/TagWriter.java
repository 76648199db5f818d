package jcrosvm.sound.pulse;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Writes a message: values behind tags. The buffer is large enough for every message of ours. */
final class TagWriter {
    private static final int CAPACITY = 4096;

    private final ByteBuffer out = ByteBuffer.allocate(CAPACITY);

    /** Begins a message. */
    TagWriter begin(int command, int tag) {
        out.clear();
        return u32(command).u32(tag);
    }

    TagWriter u32(int value) {
        out.put((byte) 'L').putInt(value);
        return this;
    }

    TagWriter bool(boolean value) {
        out.put((byte) (value ? '1' : '0'));
        return this;
    }

    /** A string; an empty one is none. */
    TagWriter string(String value) {
        if (value.isEmpty()) {
            out.put((byte) 'N');
        } else {
            out.put((byte) 't').put(value.getBytes(StandardCharsets.UTF_8)).put((byte) 0);
        }
        return this;
    }

    TagWriter bytes(byte[] value) {
        out.put((byte) 'x').putInt(value.length).put(value);
        return this;
    }

    TagWriter sampleSpec(int format, int channels, int rate) {
        out.put((byte) 'a').put((byte) format).put((byte) channels).putInt(rate);
        return this;
    }

    TagWriter channelMap(byte[] positions) {
        out.put((byte) 'm').put((byte) positions.length).put(positions);
        return this;
    }

    /** All channels as loud as they are. */
    TagWriter volume(int channels) {
        out.put((byte) 'v').put((byte) channels);
        for (int i = 0; i < channels; i++) {
            out.putInt(Protocol.VOLUME_NORMAL);
        }
        return this;
    }

    TagWriter time(long seconds, int micros) {
        out.put((byte) 'T').putInt((int) seconds).putInt(micros);
        return this;
    }

    TagWriter properties(Map<String, String> properties) {
        out.put((byte) 'P');
        properties.forEach((key, value) -> {
            byte[] text = (value + '\0').getBytes(StandardCharsets.UTF_8);
            string(key).u32(text.length).bytes(text);
        });
        return string("");
    }

    byte[] array() {
        return out.array();
    }

    int length() {
        return out.position();
    }
}
