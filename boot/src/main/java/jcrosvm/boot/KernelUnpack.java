package jcrosvm.boot;

/** Whether the payload of a compressed kernel is decompressed on the host instead of by the guest. */
public enum KernelUnpack {
    /** Where that saves time; see {@link jcrosvm.boot.kernel}. */
    AUTO,
    /** Always; a kernel for which it is impossible is an error. */
    ON,
    /** Never. */
    OFF
}
