/**
 * The host's sound by PulseAudio's native protocol, which PipeWire serves too: a client in Java, over a Unix socket and
 * without shared memory. Each stream has a connection of its own.
 *
 * <p>The server is not trusted: every length and tag that it sends is checked, and one that breaks the protocol, falls
 * silent or goes away costs a gap in the sound. Meanwhile the stream has the pace of the clock, and it looks for the server
 * again and again.
 */
@NullMarked
package jcrosvm.sound.pulse;

import org.jspecify.annotations.NullMarked;
