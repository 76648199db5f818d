/** The driver's side of virtio. */
@NullMarked
package jcrosvm.testkit;

import org.jspecify.annotations.NullMarked;
