package jcrosvm.devices.snd;

/**
 * What a stream is and can do.
 *
 * @param index among the card's streams of its direction
 * @param isInput whether it captures
 * @param device number of the PCM device that it is of
 * @param formats a bit for each
 * @param rates a bit for each
 * @param mostChannels from one on
 */
public record PcmEntry(int index, boolean isInput, int device, long formats, long rates, int mostChannels) {}
