package jcrosvm.hypervisor.soft.interp;

/** What RDMSR, WRMSR, CPUID and RDTSC ask for. */
public interface Msrs {
    /** Throws #GP(0) for one that does not exist. */
    long read(int index);

    /** Throws #GP(0) for one that does not exist, is read-only, or for a value it does not take. */
    void write(int index, long value);

    /** EAX, EBX, ECX, EDX into {@code answer}. */
    void cpuid(int leaf, int subleaf, int[] answer);

    long timeStampCounter();

    /** The counter less the host's monotonic nanoseconds ({@link System#nanoTime}). */
    long timeStampOffset();
}
