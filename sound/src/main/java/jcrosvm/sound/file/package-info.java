/**
 * Sound in files: what is played goes into one, what is captured comes out of one, sample by sample and unchanged. Files
 * are raw samples, or WAV.
 */
@NullMarked
package jcrosvm.sound.file;

import org.jspecify.annotations.NullMarked;
