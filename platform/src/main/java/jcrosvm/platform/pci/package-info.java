/** PCI functions that are not virtio devices, a module each. */
@NullMarked
package jcrosvm.platform.pci;

import org.jspecify.annotations.NullMarked;
