package jcrosvm.virtio.transport;

import jcrosvm.virtio.VirtioFeatures;

/** The feature bits of a {@link DeviceSession} (virtio 1.3, 2.2); guarded by the session's lock. */
final class FeatureRegisters {
    private static final int WORDS = 2;

    private final long offered;
    private long accepted;
    private boolean acceptedUnknown;

    FeatureRegisters(long offered) {
        this.offered = offered;
    }

    long offered() {
        return offered;
    }

    /** The features that the driver took so far. */
    long accepted() {
        return accepted;
    }

    /** Whether the driver took a feature behind the last word. */
    boolean acceptedUnknown() {
        return acceptedUnknown;
    }

    /** A window of 32 features; windows behind the last are empty. */
    static int word(long features, int word) {
        return word >= 0 && word < WORDS ? (int) (features >>> 32 * word) : 0;
    }

    /** The driver writes a window of 32 features. */
    void accept(int word, int value) {
        if (word >= 0 && word < WORDS) {
            long mask = 0xffffffffL << 32 * word;
            accepted = accepted & ~mask | (value & 0xffffffffL) << 32 * word;
        } else {
            acceptedUnknown |= value != 0;
        }
    }

    /** Whether a session can have these features. */
    boolean isAcceptable(long features, boolean unknown) {
        return !unknown && (features & ~offered) == 0 && (features & VirtioFeatures.VIRTIO_F_VERSION_1) != 0;
    }

    boolean isAcceptable() {
        return isAcceptable(accepted, acceptedUnknown);
    }

    void restore(long features, boolean unknown) {
        accepted = features;
        acceptedUnknown = unknown;
    }
}
