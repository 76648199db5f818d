package jcrosvm.disk;

import jcrosvm.base.VmmException;

/** A disk image that cannot be used as it is: the message names the file, what is wrong with it, and what to do. */
public class DiskException extends VmmException {
    private static final long serialVersionUID = 1;

    public DiskException(String message) {
        super(message);
    }
}
