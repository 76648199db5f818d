package jcrosvm.hypervisor.soft.interp;

/** What instructions need of the local APIC: the task priority register that CR8 is. */
public interface Apic {
    /** Bits 4 to 7 of the TPR, as CR8 shows them. */
    int taskPriority();

    void taskPriority(int priority);
}
