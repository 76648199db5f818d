package jcrosvm.boot;

/** How fast guest code runs compared with ours: decides on which side work is cheaper. */
public enum CpuSpeed {
    /** The host's CPU executes it. */
    NATIVE,
    /** It is interpreted or translated. */
    EMULATED
}
