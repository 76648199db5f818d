package jcrosvm.sound.pulse;

import jcrosvm.base.VmmException;

/** The server refused something, or broke the protocol: its connection is of no more use. */
final class PulseException extends VmmException {
    private static final long serialVersionUID = 1;

    PulseException(String problem) {
        super(problem);
    }
}
