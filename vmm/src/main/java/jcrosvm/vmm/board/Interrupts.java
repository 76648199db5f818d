package jcrosvm.vmm.board;

import jcrosvm.bus.IrqLine;
import jcrosvm.bus.MessageInterrupt;

/** The interrupts of a machine, wherever their controllers are emulated. */
public interface Interrupts {
    /** The line of a global system interrupt. */
    IrqLine line(int gsi);

    /** A new message-signalled interrupt. */
    MessageInterrupt newMessage();
}
