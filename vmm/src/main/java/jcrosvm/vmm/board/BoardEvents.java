package jcrosvm.vmm.board;

import jcrosvm.platform.PowerControl;

/** What a board tells its machine. Called on threads of vCPUs and of the clock; returns at once. */
public interface BoardEvents extends PowerControl {
    /** A clock's alarm, which ends a sleep. */
    void alarm();

    /** The guest wrote to the port of {@code --debug-exit}. */
    void debugExit(int value);
}
