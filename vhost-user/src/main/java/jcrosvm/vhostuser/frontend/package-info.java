/** The front end: a virtio device of the VM whose work a backend does somewhere else. */
@NullMarked
package jcrosvm.vhostuser.frontend;

import org.jspecify.annotations.NullMarked;
