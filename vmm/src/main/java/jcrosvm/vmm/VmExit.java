package jcrosvm.vmm;

/** How a VM ended. */
public enum VmExit {
    /** Powered off or stopped, or a triple fault. */
    STOP,
    /** The guest asked for a reset. */
    RESET,
    /** Not the guest's doing: the host refused to run a vCPU, or a defect ended it. */
    CRASH,
    /** The guest's kernel reported a panic. */
    GUEST_PANIC,
    /** A vCPU stalled and the watchdog fired. */
    WATCHDOG
}
