/** What a VM tells the process of one of its devices, and what that answers: before there is a device, and later for its verbs. */
@NullMarked
package jcrosvm.vhostuser.bootstrap;

import org.jspecify.annotations.NullMarked;
