package jcrosvm.disk.qcow2;

import jcrosvm.disk.DiskException;

/** Tables contradict each other in a way that writing on would make worse: the image is marked as corrupt. */
final class InconsistentException extends DiskException {
    private static final long serialVersionUID = 1;

    InconsistentException(String message) {
        super(message);
    }
}
