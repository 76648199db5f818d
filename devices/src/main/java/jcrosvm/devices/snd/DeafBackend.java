package jcrosvm.devices.snd;

import jcrosvm.base.io.Poller;
import jcrosvm.sound.NullBackend;
import jcrosvm.sound.SampleFormat;
import jcrosvm.sound.SoundBackend;
import jcrosvm.sound.SoundStream;
import jcrosvm.sound.StreamEvents;
import jcrosvm.sound.StreamParameters;

/** Plays as another backend does, and captures silence. */
final class DeafBackend implements SoundBackend {
    private final SoundBackend playback;
    private final SoundBackend capture = new NullBackend();

    /** @param playback owned from now on */
    DeafBackend(SoundBackend playback) {
        this.playback = playback;
    }

    @Override
    public boolean takes(SampleFormat format) {
        return playback.takes(format);
    }

    @Override
    public SoundStream open(StreamParameters parameters, Poller poller, StreamEvents events) {
        return (parameters.isCapture() ? capture : playback).open(parameters, poller, events);
    }

    @Override
    public void close() {
        playback.close();
    }
}
