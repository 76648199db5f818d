package jcrosvm.sound;

import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;

/** Plays to nothing and captures silence, at the pace of the clock. */
public final class NullBackend implements SoundBackend {
    @Override
    public boolean takes(SampleFormat format) {
        return format.bytes() > 0;
    }

    @Override
    public SoundStream open(StreamParameters parameters, Poller poller, StreamEvents events) {
        return new NullStream(parameters, poller, events);
    }

    @Override
    public void close() {}

    private static final class NullStream implements SoundStream {
        private final StreamParameters parameters;
        private final Pacer pacer;
        private final Silence silence;

        NullStream(StreamParameters parameters, Poller poller, StreamEvents events) {
            this.parameters = parameters;
            silence = Silence.of(parameters.format());
            pacer = new Pacer(parameters, poller, events::ready);
        }

        @Override
        public void start() {
            pacer.start();
        }

        @Override
        public void stop() {
            pacer.stop();
        }

        @Override
        public boolean isReady() {
            return pacer.isDue();
        }

        @Override
        public void transfer(IoVec period) {
            if (parameters.isCapture()) {
                silence.fill(period, 0);
            }
            pacer.advance();
        }

        @Override
        public void skip() {
            pacer.advance();
        }

        @Override
        public boolean miss() {
            pacer.advance();
            return true;
        }

        @Override
        public long latencyBytes() {
            return 0;
        }

        @Override
        public void close() {
            pacer.close();
        }

        @Override
        public void abort() {
            pacer.close();
        }
    }
}
