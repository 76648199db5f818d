/**
 * The vhost-user protocol: messages over a Unix socket by which a front end, in the VM, and a backend, which works on the
 * rings, share a virtio device. Section names in comments are those of QEMU's "Vhost-user Protocol".
 */
@NullMarked
package jcrosvm.vhostuser;

import org.jspecify.annotations.NullMarked;
