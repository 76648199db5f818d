package jcrosvm.platform;

import jcrosvm.bus.Bus;

/** What is left of the keyboard controller: the reset line. */
public final class I8042 {
    public I8042(PowerControl power) {}

    /** @param systemControlPort whether it answers port 0x61 too; false where a PIT does */
    public void attach(Bus ports, boolean systemControlPort) {}
}
