/** How a driver reaches a device: PCI functions and memory-mapped registers (virtio 1.3, 4). */
@NullMarked
package jcrosvm.virtio.transport;

import org.jspecify.annotations.NullMarked;
