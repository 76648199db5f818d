package jcrosvm.sound.pulse;

import jcrosvm.sound.SampleFormat;

/** Numbers of PulseAudio's native protocol; all on the wire is big-endian. */
final class Protocol {
    /** What this client speaks; servers of the last fifteen years know it. */
    static final int VERSION = 15;

    static final int LEAST_VERSION = 13;
    /** In front of every frame: length, channel, offset in two words, flags. */
    static final int HEADER = 20;

    /** The channel of frames that are messages; others are streams'. */
    static final int MESSAGES = -1;

    /** The version is in the low half of the word; the rest is flags about shared memory. */
    static final int VERSION_MASK = 0xffff;

    static final int NONE = -1;
    /** The tag of messages that are no reply. */
    static final int NO_REPLY = -1;

    static final int ERROR = 0;
    static final int REPLY = 2;
    static final int CREATE_PLAYBACK_STREAM = 3;
    static final int DELETE_PLAYBACK_STREAM = 4;
    static final int CREATE_RECORD_STREAM = 5;
    static final int DELETE_RECORD_STREAM = 6;
    static final int AUTH = 8;
    static final int SET_CLIENT_NAME = 9;
    static final int DRAIN_PLAYBACK_STREAM = 12;
    static final int GET_PLAYBACK_LATENCY = 14;
    static final int CORK_PLAYBACK_STREAM = 41;
    static final int FLUSH_PLAYBACK_STREAM = 42;
    static final int GET_RECORD_LATENCY = 57;
    static final int CORK_RECORD_STREAM = 58;
    static final int FLUSH_RECORD_STREAM = 59;
    static final int REQUEST = 61;
    static final int UNDERFLOW = 63;
    static final int PLAYBACK_STREAM_KILLED = 64;
    static final int RECORD_STREAM_KILLED = 65;

    static final int VOLUME_NORMAL = 0x10000;

    /** Highest rate that servers take. */
    static final int MOST_RATE = 384_000;

    private Protocol() {}

    /** The server's number of a sample format, or -1. */
    static int format(SampleFormat format) {
        return switch (format) {
            case U8 -> 0;
            case A_LAW -> 1;
            case MU_LAW -> 2;
            case S16 -> 3;
            case FLOAT -> 5;
            case S32 -> 7;
            case S24_3 -> 9;
            case S24 -> 11;
            default -> -1;
        };
    }

    /** What an error number means, as far as users meet it. */
    static String error(int code) {
        return switch (code) {
            case 1 -> "access denied: is its cookie readable?";
            case 3 -> "invalid argument";
            case 5 -> "no such sink or source";
            case 7 -> "protocol error";
            case 16 -> "not supported";
            case 17 -> "the protocol's version is unknown to it";
            case 18 -> "too large";
            default -> "error " + code;
        };
    }
}
