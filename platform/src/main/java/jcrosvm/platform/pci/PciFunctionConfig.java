package jcrosvm.platform.pci;

/** The configuration of one PCI function that is no virtio device: an immutable record. */
public interface PciFunctionConfig {
    /**
     * Checks what can be known without touching the host.
     *
     * @throws jcrosvm.base.VmmException naming the value that cannot be, and what to do
     */
    default void validate() {}
}
