/** The control socket: requests, server, client. */
@NullMarked
package jcrosvm.control;

import org.jspecify.annotations.NullMarked;
