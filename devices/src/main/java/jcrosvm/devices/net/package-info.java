/** The network device (virtio 1.3, 5.1) and where its packets go. */
@NullMarked
package jcrosvm.devices.net;

import org.jspecify.annotations.NullMarked;
