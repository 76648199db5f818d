package jcrosvm.vhostuser.frontend;

import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.vhostuser.ProtocolException.Cause;
import jcrosvm.vhostuser.ProtocolFeatures;
import org.jspecify.annotations.Nullable;

/**
 * What the first backend of a device has offered, and each that takes its place must offer too.
 *
 * @param features all of them
 * @param isTracked whether it notes which requests are in flight
 * @param queues how many it has; 0 when it does not tell
 */
record BackEndOffer(long features, boolean isTracked, int queues) {
    static BackEndOffer of(BackEnd backend) {
        return new BackEndOffer(
                backend.features(),
                backend.has(ProtocolFeatures.INFLIGHT_SHMFD),
                backend.has(ProtocolFeatures.MQ) ? backend.queueCount() : 0);
    }

    /** What another backend lacks, for messages; null when it lacks nothing. */
    @Nullable
    String missingFrom(BackEnd next, int configLength) {
        if ((features & ~next.features()) != 0) {
            return "it does not offer features 0x%x".formatted(features & ~next.features());
        }
        if (queues > 0 && (!next.has(ProtocolFeatures.MQ) || next.queueCount() < queues)) {
            return "it does not have " + queues + " queues";
        }
        if (isTracked && !next.has(ProtocolFeatures.INFLIGHT_SHMFD)) {
            return "it does not note requests in flight";
        }
        try {
            next.config(configLength);
            return null;
        } catch (ProtocolException e) {
            if (e.why() == Cause.REFUSED) {
                return e.getMessage();
            }
            throw e;
        }
    }
}
