package jcrosvm.hypervisor;

/** Where the interrupt controllers that vCPUs share are emulated. What each vCPU has to itself is always the hypervisor's. */
public enum IrqChipMode {
    /** In the hypervisor. */
    KERNEL,
    /** In the machine, in user space. */
    SPLIT
}
