package jcrosvm.vmm.config;

/** What a guest's reset does. */
public enum RebootPolicy {
    /** The VM ends, as in crosvm. */
    EXIT,
    /** The VM starts again in the same process. */
    IN_PLACE
}
