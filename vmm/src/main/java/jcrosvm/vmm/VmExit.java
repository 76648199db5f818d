package jcrosvm.vmm;

/** How a VM ended. */
public enum VmExit {
    /** Powered off or stopped, or a triple fault. */
    STOP,
    /** The guest asked for a reset. */
    RESET,
    /** A vCPU could not go on, or a device process died. */
    CRASH,
    /** The guest's kernel reported a panic. */
    GUEST_PANIC,
    /** A vCPU stalled and the watchdog fired. */
    WATCHDOG
}
