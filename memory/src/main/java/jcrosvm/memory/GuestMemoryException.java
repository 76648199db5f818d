package jcrosvm.memory;

import jcrosvm.base.VmmException;

/** A guest physical range that is not, or not wholly, guest memory. */
public final class GuestMemoryException extends VmmException {
    private static final long serialVersionUID = 1L;

    public GuestMemoryException(long address, long length) {
        super("guest range 0x%x+0x%x is outside guest memory".formatted(address, length));
    }

    /** Thrown at a guest's whim, so it carries no stack. */
    @Override
    public Throwable fillInStackTrace() {
        return this;
    }
}
