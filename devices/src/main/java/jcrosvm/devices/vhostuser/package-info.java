/** Devices whose backend is a program that listens at a socket. */
@NullMarked
package jcrosvm.devices.vhostuser;

import org.jspecify.annotations.NullMarked;
