package jcrosvm.config;

import jcrosvm.base.VmmException;

/** The command line itself is wrong: unknown options, missing or repeated values, values that cannot be parsed. */
public final class UsageException extends VmmException {
    private static final long serialVersionUID = 1L;

    public UsageException(String message) {
        super(message);
    }

    public UsageException(String message, Throwable cause) {
        super(message, cause);
    }
}
