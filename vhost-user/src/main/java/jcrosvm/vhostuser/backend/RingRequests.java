package jcrosvm.vhostuser.backend;

import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.vhostuser.FrontEndRequest;
import jcrosvm.vhostuser.Message;
import jcrosvm.vhostuser.Payload;
import jcrosvm.vhostuser.Payload.U64;
import jcrosvm.vhostuser.Payload.VringState;

/** The front end's requests about one ring. */
final class RingRequests {
    private static final int INDEX_MASK = 0xff;
    /** Of any virtqueue (virtio 1.3, 2.7). The size is between front end and driver: QEMU and crosvm ask no backend. */
    private static final int MAX_SIZE = 32768;

    private final Rings rings;

    RingRequests(Rings rings) {
        this.rings = rings;
    }

    void change(Message message) {
        VringState state = message.payload(VringState.class);
        Ring ring = rings.get(state.index());
        int value = state.number();
        switch ((FrontEndRequest) message.request()) {
            case SET_VRING_NUM -> {
                if (value <= 0 || value > MAX_SIZE) {
                    throw new VmmException("ring %d has %d entries; a ring has 1 to %d"
                            .formatted(ring.index, value & 0xffffffffL, MAX_SIZE));
                }
                rings.change(ring, () -> ring.size = value);
            }
            case SET_VRING_BASE -> rings.change(ring, () -> ring.base(value));
            default -> {
                if ((value & ~1) != 0) {
                    throw new VmmException("a ring is enabled by 1 and disabled by 0, not by " + value);
                }
                if (ring.isEnabled != (value == 1)) {
                    rings.change(ring, () -> ring.isEnabled = value == 1);
                }
            }
        }
    }

    void address(Payload.VringAddress at) {
        Ring ring = rings.get(at.index());
        Payload.VringAddress before = ring.address;
        boolean isSame = before != null
                && before.descriptors() == at.descriptors()
                && before.available() == at.available()
                && before.used() == at.used();
        if (!isSame) { // else it is about logging, which the memory's listener does whatever is said here
            rings.change(ring, () -> ring.address = at);
        }
    }

    void event(Message message) {
        long value = message.payload(U64.class).value();
        Ring ring = rings.get((int) value & INDEX_MASK);
        boolean isNone = (value & U64.NO_DESCRIPTOR) != 0;
        if ((value & ~(INDEX_MASK | U64.NO_DESCRIPTOR)) != 0
                || message.descriptors().size() != (isNone ? 0 : 1)) {
            throw new VmmException("value 0x%x came with %d descriptors"
                    .formatted(value, message.descriptors().size()));
        }
        switch ((FrontEndRequest) message.request()) {
            case SET_VRING_KICK -> {
                if (isNone) {
                    throw new VmmException("a ring without a kick is not supported");
                }
                EventFd kick = Descriptors.event(message);
                rings.change(ring, () -> {
                    ring.dropKick();
                    ring.kick = kick;
                });
            }
            case SET_VRING_CALL -> {
                EventFd call = isNone ? null : Descriptors.event(message);
                if (ring.interrupt.isHandedOut()) {
                    rings.change(ring, () -> ring.interrupt.call.replace(call));
                } else {
                    ring.interrupt.call.replace(call);
                }
                if (ring.isRunning) {
                    ring.interrupt.signal(); // what was signalled last may have gone to the event before
                }
            }
            default -> ring.interrupt.error.replace(isNone ? null : Descriptors.event(message));
        }
    }

    Payload stop(VringState asked) {
        Ring ring = rings.get(asked.index());
        rings.stop(ring);
        ring.dropKick();
        return new VringState(ring.index, ring.base(rings.isPacked()));
    }
}
