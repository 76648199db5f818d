package jcrosvm.hypervisor.x86;

/** GDTR or IDTR. */
public record DescriptorTable(long base, int limit) {}
