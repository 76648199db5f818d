/**
 * Devices whose rings the host's kernel works on: the requests that all /dev/vhost-* have in common. What one kind has
 * beside them is with its device.
 */
@NullMarked
package jcrosvm.virtio.vhost;

import org.jspecify.annotations.NullMarked;
