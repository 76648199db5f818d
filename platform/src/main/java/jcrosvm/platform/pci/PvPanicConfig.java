package jcrosvm.platform.pci;

/** A PCI function through which a guest reports its panic. */
public record PvPanicConfig() implements PciFunctionConfig {}
