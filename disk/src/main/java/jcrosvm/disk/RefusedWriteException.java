package jcrosvm.disk;

/** A write that would have given a disk of a guessed format the beginning of another one. Nothing was written. */
public final class RefusedWriteException extends DiskException {
    private static final long serialVersionUID = 1;

    public RefusedWriteException(String message) {
        super(message);
    }
}
