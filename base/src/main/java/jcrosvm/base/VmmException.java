package jcrosvm.base;

import org.jspecify.annotations.Nullable;

/** A failure that a user can read: the message says what was wrong, with which value, and what to do. */
public class VmmException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public VmmException(String message) {
        super(message);
    }

    public VmmException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
