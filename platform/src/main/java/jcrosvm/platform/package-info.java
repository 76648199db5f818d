/** Devices of the x86-64 machine that are not virtio. */
@NullMarked
package jcrosvm.platform;

import org.jspecify.annotations.NullMarked;
