package jcrosvm.hypervisor;

/**
 * A message-signalled interrupt: the write that a PCI function makes.
 *
 * @param address and
 * @param data as the function has them of the guest, which knows the form that its interrupt controllers ask for
 */
public record Msi(long address, int data) {}
