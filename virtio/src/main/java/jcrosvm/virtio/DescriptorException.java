package jcrosvm.virtio;

import jcrosvm.base.VmmException;

/** The driver broke the rules of the ring or of a request: the device can only be reset. */
public final class DescriptorException extends VmmException {
    private static final long serialVersionUID = 1;

    public DescriptorException(String problem) {
        super(problem);
    }
}
