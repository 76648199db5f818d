package jcrosvm.hypervisor.soft.cpu;

/** Reasons for a processor to stop running guest code and look around. */
public final class Pending {
    /** {@code Vcpu.kick} was called. */
    public static final int KICK = 1;
    /** The local APIC or the PIC has an interrupt. */
    public static final int INTERRUPT = 1 << 1;

    public static final int NMI = 1 << 2;
    public static final int INIT = 1 << 3;
    public static final int STARTUP = 1 << 4;
    /** Another processor wants this one to drop translations; see {@code mmu.Coherence}. */
    public static final int COHERENCE = 1 << 5;
    /** The processor itself halted, changed mode, or has a trap due: leave the engine once. */
    public static final int SELF = 1 << 6;

    private Pending() {}
}
