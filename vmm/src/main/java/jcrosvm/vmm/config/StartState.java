package jcrosvm.vmm.config;

/** How a VM starts. */
public enum StartState {
    RUNNING,
    /** vCPUs wait for resume. */
    VCPUS_SUSPENDED,
    /** vCPUs and devices wait for a full resume. */
    SUSPENDED
}
