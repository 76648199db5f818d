package jcrosvm.hypervisor;

/**
 * A message-signalled interrupt: the write that a PCI function makes.
 *
 * @param address 0xFEExxxxx, with the high half of an x2APIC destination above bit 32
 * @param data vector and delivery mode (SDM volume 3, 11.11)
 */
public record Msi(long address, int data) {}
