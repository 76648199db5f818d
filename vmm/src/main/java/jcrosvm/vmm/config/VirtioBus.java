package jcrosvm.vmm.config;

/** Where a guest finds its virtio devices. */
public enum VirtioBus {
    /** On the PCI bus. */
    PCI,
    /** At addresses that ACPI or the kernel's command line tells. */
    MMIO
}
