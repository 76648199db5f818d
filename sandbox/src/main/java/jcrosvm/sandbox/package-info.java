/**
 * Processes that this program starts of itself: {@link jcrosvm.sandbox.ProgramCommand} is what they are started with, {@link
 * jcrosvm.sandbox.ChildProcess} is one of them, and a {@link jcrosvm.sandbox.BootstrapSocket} tells it what to do.
 *
 * <p>A child has three standard descriptors and the socket, nothing else of its parent's. It ends when its parent does,
 * however that comes about: the system sends it SIGKILL.
 */
@NullMarked
package jcrosvm.sandbox;

import org.jspecify.annotations.NullMarked;
