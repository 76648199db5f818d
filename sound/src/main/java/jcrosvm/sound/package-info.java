/**
 * The host's side of sound devices, whatever the guest sees of them: streams of samples that the host plays or captures.
 * {@link jcrosvm.sound.NullBackend} has a clock and no sound; files and PulseAudio have packages of their own.
 *
 * <p>A stream never blocks. All of a card's streams belong to one thread, which waits in a {@code Poller} where streams
 * add what they wait for.
 */
@NullMarked
package jcrosvm.sound;

import org.jspecify.annotations.NullMarked;
