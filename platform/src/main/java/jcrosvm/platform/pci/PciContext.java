package jcrosvm.platform.pci;

import jcrosvm.platform.PowerControl;

/**
 * What a machine gives its PCI functions.
 *
 * @param power told of what the guest asks of the machine
 */
public record PciContext(PowerControl power) {}
