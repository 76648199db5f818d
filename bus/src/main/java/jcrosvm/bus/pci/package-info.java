/** PCI: configuration space, base address registers, the bus and its two configuration mechanisms. */
@NullMarked
package jcrosvm.bus.pci;

import org.jspecify.annotations.NullMarked;
