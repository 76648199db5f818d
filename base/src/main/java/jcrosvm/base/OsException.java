package jcrosvm.base;

/** A system call failed. The message holds the call, the errno's name and the C library's text. */
public final class OsException extends VmmException {
    private static final long serialVersionUID = 1L;

    private final int errno;

    /**
     * @param call what was attempted, such as {@code "open /dev/kvm"}
     * @param errno the error number, positive
     */
    public OsException(String call, int errno) {
        super(call + ": " + Errno.text(errno) + " (" + Errno.name(errno) + ")");
        this.errno = errno;
    }

    public int errno() {
        return errno;
    }

    /** The symbolic name, such as {@code EACCES}. */
    public String errnoName() {
        return Errno.name(errno);
    }
}
