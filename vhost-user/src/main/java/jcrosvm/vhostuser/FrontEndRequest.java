package jcrosvm.vhostuser;

import static jcrosvm.vhostuser.PayloadKind.CONFIG;
import static jcrosvm.vhostuser.PayloadKind.EMPTY;
import static jcrosvm.vhostuser.PayloadKind.INFLIGHT;
import static jcrosvm.vhostuser.PayloadKind.LOG;
import static jcrosvm.vhostuser.PayloadKind.MEMORY_REGION;
import static jcrosvm.vhostuser.PayloadKind.MEMORY_TABLE;
import static jcrosvm.vhostuser.PayloadKind.STATE_TRANSFER;
import static jcrosvm.vhostuser.PayloadKind.U64;
import static jcrosvm.vhostuser.PayloadKind.VRING_ADDRESS;
import static jcrosvm.vhostuser.PayloadKind.VRING_STATE;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Requests of the front end ("Front-end message types"), those that this implementation knows. */
public enum FrontEndRequest implements Request {
    GET_FEATURES(1, EMPTY, U64, 0),
    SET_FEATURES(2, U64, null, 0),
    SET_OWNER(3, EMPTY, null, 0),
    RESET_OWNER(4, EMPTY, null, 0),
    SET_MEM_TABLE(5, MEMORY_TABLE, null, PayloadKind.MAX_REGIONS),
    SET_LOG_BASE(6, LOG, EMPTY, 1),
    SET_LOG_FD(7, EMPTY, null, 1),
    SET_VRING_NUM(8, VRING_STATE, null, 0),
    SET_VRING_ADDR(9, VRING_ADDRESS, null, 0),
    SET_VRING_BASE(10, VRING_STATE, null, 0),
    GET_VRING_BASE(11, VRING_STATE, VRING_STATE, 0),
    SET_VRING_KICK(12, U64, null, 1),
    SET_VRING_CALL(13, U64, null, 1),
    SET_VRING_ERR(14, U64, null, 1),
    GET_PROTOCOL_FEATURES(15, EMPTY, U64, 0),
    SET_PROTOCOL_FEATURES(16, U64, null, 0),
    GET_QUEUE_NUM(17, EMPTY, U64, 0),
    SET_VRING_ENABLE(18, VRING_STATE, null, 0),
    SET_BACKEND_REQ_FD(21, EMPTY, null, 1),
    GET_CONFIG(24, CONFIG, CONFIG, 0),
    SET_CONFIG(25, CONFIG, null, 0),
    GET_INFLIGHT_FD(31, INFLIGHT, INFLIGHT, 0),
    SET_INFLIGHT_FD(32, INFLIGHT, null, 1),
    RESET_DEVICE(34, EMPTY, null, 0),
    GET_MAX_MEM_SLOTS(36, EMPTY, U64, 0),
    ADD_MEM_REG(37, MEMORY_REGION, null, 1),
    /** Old front ends send the region's descriptor along. */
    REM_MEM_REG(38, MEMORY_REGION, null, 1),
    SET_STATUS(39, U64, null, 0),
    GET_STATUS(40, EMPTY, U64, 0),
    SET_DEVICE_STATE_FD(42, STATE_TRANSFER, U64, 1),
    CHECK_DEVICE_STATE(43, EMPTY, U64, 0);

    private static final Map<Integer, Request> BY_NUMBER = new HashMap<>();

    static {
        for (FrontEndRequest request : values()) {
            BY_NUMBER.put(request.number, request);
        }
    }

    private final int number;
    private final PayloadKind payload;
    private final @Nullable PayloadKind reply;
    private final int descriptors;

    FrontEndRequest(int number, PayloadKind payload, @Nullable PayloadKind reply, int descriptors) {
        this.number = number;
        this.payload = payload;
        this.reply = reply;
        this.descriptors = descriptors;
    }

    static @Nullable Request of(int number) {
        return BY_NUMBER.get(number);
    }

    @Override
    public int number() {
        return number;
    }

    @Override
    public PayloadKind payload() {
        return payload;
    }

    @Override
    public @Nullable PayloadKind reply() {
        return reply;
    }

    @Override
    public int descriptors() {
        return descriptors;
    }
}
