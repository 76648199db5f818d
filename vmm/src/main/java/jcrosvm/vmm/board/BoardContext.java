package jcrosvm.vmm.board;

import jcrosvm.bus.DeviceClock;
import jcrosvm.vmm.config.VmConfig;

/**
 * What a machine gives its board.
 *
 * @param clock the devices' time
 * @param consoles what the serial ports lead to
 * @param parts where the board adds what has a state
 * @param resources where the board adds what must be closed
 */
public record BoardContext(
        VmConfig config,
        DeviceClock clock,
        SerialConsoles consoles,
        BoardEvents events,
        Parts parts,
        Resources resources) {}
