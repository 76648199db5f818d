/** The kinds of devices there are. Each is a package of its own that no other device knows. */
@NullMarked
package jcrosvm.devices;

import org.jspecify.annotations.NullMarked;
