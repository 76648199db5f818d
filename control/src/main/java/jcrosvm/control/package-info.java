/**
 * The control socket: a SEQPACKET socket on which other processes ask things of a running VM. One packet holds one JSON
 * value; each request gets one reply, in order, and a connection takes any number of requests. The JSON has the forms
 * that crosvm's socket has, so that its clients work; {@code docs/control-socket.md} lists them.
 *
 * <p>{@link jcrosvm.control.ControlServer} listens before the VM is built, so that a path in use is found out first, and
 * serves on a thread of its own. {@link jcrosvm.control.ControlClient} is the other end.
 */
@NullMarked
package jcrosvm.control;

import org.jspecify.annotations.NullMarked;
