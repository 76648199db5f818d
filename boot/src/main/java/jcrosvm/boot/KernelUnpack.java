package jcrosvm.boot;

/** Whether the payload of a compressed kernel is decompressed on the host instead of by the guest. */
public enum KernelUnpack {
    /**
     * Where that saves time, which is when the guest's CPUs are emulated; where it fails, the guest has to try.
     *
     * <p>Measured with a 57 MB kernel: the host needs 0.25 s (LZ4) to 0.6 s (Zstandard) in a warm JVM and twice that in
     * a new one, a guest on a native CPU less than 0.1 s and 0.2 s; an emulated one needs seconds.
     */
    AUTO,
    /** Always; a kernel for which it is impossible is an error. */
    ON,
    /** Never. */
    OFF
}
