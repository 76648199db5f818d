/** A host of devices behind a vhost-user connection: the backend. */
@NullMarked
package jcrosvm.vhostuser.backend;

import org.jspecify.annotations.NullMarked;
