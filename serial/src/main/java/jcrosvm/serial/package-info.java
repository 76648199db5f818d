/**
 * What serial ports and consoles are connected to on the host, whatever the guest sees of them: the option, files and
 * sockets and the terminal, output that is written and input that is read on threads of their own.
 */
@NullMarked
package jcrosvm.serial;

import org.jspecify.annotations.NullMarked;
