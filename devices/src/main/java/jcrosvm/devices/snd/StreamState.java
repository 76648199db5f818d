package jcrosvm.devices.snd;

import java.util.EnumSet;
import java.util.Set;

/** Where a stream is in its life (virtio 1.3, 5.14.6.6.1): named for the request that led there. */
public enum StreamState {
    /** No request was made yet. */
    NONE,
    SET_PARAMS,
    PREPARE,
    START,
    STOP,
    RELEASE;

    private static final Set<StreamState> SETTABLE = EnumSet.of(NONE, SET_PARAMS, PREPARE, RELEASE);
    private static final Set<StreamState> PREPARABLE = EnumSet.of(SET_PARAMS, PREPARE, RELEASE);
    private static final Set<StreamState> STANDING = EnumSet.of(PREPARE, STOP);

    /** Whether the driver may go there from a state. */
    boolean mayFollow(StreamState before) {
        return switch (this) {
            case NONE -> false;
            case SET_PARAMS -> SETTABLE.contains(before);
            case PREPARE -> PREPARABLE.contains(before);
            case START, RELEASE -> STANDING.contains(before);
            case STOP -> before == START;
        };
    }

    /** Whether the host has a stream open. */
    boolean isOpen() {
        return this == PREPARE || this == START || this == STOP;
    }
}
