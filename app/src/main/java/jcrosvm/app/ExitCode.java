package jcrosvm.app;

import java.util.OptionalInt;
import jcrosvm.vmm.VmExit;

/** What the process returns. */
final class ExitCode {
    static final int SUCCESS = 0;
    /** A command failed, options that can be read cannot be, or a VM failed that should have gone on. */
    static final int FAILURE = 1;
    /** The guest asked for a reset; only with {@code --extended-status}. */
    static final int RESET = 32;
    /** A VM failed that should have gone on; only with {@code --extended-status}, otherwise {@link #FAILURE}. */
    static final int CRASH = 33;
    /** The guest reported a panic; only with {@code --extended-status}. */
    static final int GUEST_PANIC = 34;
    /** The command line cannot be read. */
    static final int USAGE = 35;
    /** A vCPU stalled; only with {@code --extended-status}. */
    static final int WATCHDOG = 36;

    private ExitCode() {}

    /** @param debugExit what a test's guest left; it wins over how the VM ended */
    static int of(VmExit exit, OptionalInt debugExit, boolean isExtended) {
        if (debugExit.isPresent()) {
            return (debugExit.getAsInt() << 1 | 1) & 0xff;
        }
        if (!isExtended) {
            // The guest's own end is none of the caller's business unless asked for; a failure of ours is.
            return exit == VmExit.CRASH ? FAILURE : SUCCESS;
        }
        return switch (exit) {
            case STOP -> SUCCESS;
            case RESET -> RESET;
            case CRASH -> CRASH;
            case GUEST_PANIC -> GUEST_PANIC;
            case WATCHDOG -> WATCHDOG;
        };
    }
}
