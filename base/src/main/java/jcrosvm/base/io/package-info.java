/** Owned descriptors and what is made of them: events, pollers, mappings, sockets, the terminal. */
@NullMarked
package jcrosvm.base.io;

import org.jspecify.annotations.NullMarked;
