package jcrosvm.vhostuser;

import org.jspecify.annotations.Nullable;

/** Requests of the backend ("Back-end message types"), those that this implementation knows. */
public enum BackEndRequest implements Request {
    /** The configuration space has changed. */
    CONFIG_CHANGE_MSG(2);

    private final int number;

    BackEndRequest(int number) {
        this.number = number;
    }

    static @Nullable Request of(int number) {
        return number == CONFIG_CHANGE_MSG.number ? CONFIG_CHANGE_MSG : null;
    }

    @Override
    public int number() {
        return number;
    }

    @Override
    public PayloadKind payload() {
        return PayloadKind.EMPTY;
    }

    @Override
    public @Nullable PayloadKind reply() {
        return null;
    }

    @Override
    public int descriptors() {
        return 0;
    }
}
