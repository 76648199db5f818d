package jcrosvm.vmm.config;

/** What the guest's clocks do while the VM is suspended. */
public enum SuspendClock {
    /** They go on: the guest finds that time has passed, as in crosvm. */
    RUN,
    /** They stand still, all of them: the guest stays behind the host by the time that it was suspended. */
    STOP
}
