/** The entropy device (virtio 1.3, 5.4): gives the guest random bytes of the host's generator. */
@NullMarked
package jcrosvm.devices.rng;

import org.jspecify.annotations.NullMarked;
