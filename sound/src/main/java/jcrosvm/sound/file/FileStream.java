package jcrosvm.sound.file;

import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.sound.Pacer;
import jcrosvm.sound.Silence;
import jcrosvm.sound.SoundStream;
import jcrosvm.sound.StreamEvents;
import jcrosvm.sound.StreamParameters;
import org.jspecify.annotations.Nullable;

/** A stream into a file or out of one. */
abstract sealed class FileStream implements SoundStream {
    final StreamParameters parameters;
    final Silence silence;
    private final @Nullable Pacer pacer;
    private boolean isRunning;

    private FileStream(StreamParameters parameters, boolean isPaced, Poller poller, StreamEvents events) {
        this.parameters = parameters;
        silence = Silence.of(parameters.format());
        pacer = isPaced ? new Pacer(parameters, poller, events::ready) : null;
    }

    /** Into a file. */
    static final class Playback extends FileStream {
        private final PlaybackFile file;

        Playback(StreamParameters parameters, PlaybackFile file, boolean isPaced, Poller poller, StreamEvents events) {
            super(parameters, isPaced, poller, events);
            this.file = file;
        }

        @Override
        void move(IoVec period) {
            file.write(period);
        }

        @Override
        void moveNothing() {
            file.silence(silence, parameters.periodBytes());
        }

        @Override
        void end() {
            file.finish();
        }
    }

    /** Out of a file. */
    static final class Capture extends FileStream {
        private final CaptureFile file;

        Capture(StreamParameters parameters, CaptureFile file, boolean isPaced, Poller poller, StreamEvents events) {
            super(parameters, isPaced, poller, events);
            this.file = file;
        }

        @Override
        void move(IoVec period) {
            file.read(period, silence, parameters.frameBytes());
        }

        @Override
        void moveNothing() {
            file.skip(parameters.periodBytes());
        }

        @Override
        void end() {}
    }

    abstract void move(IoVec period);

    abstract void moveNothing();

    abstract void end();

    @Override
    public final void start() {
        isRunning = true;
        if (pacer != null) {
            pacer.start();
        }
    }

    @Override
    public final void stop() {
        isRunning = false;
        if (pacer != null) {
            pacer.stop();
        }
        end();
    }

    @Override
    public final boolean isReady() {
        return pacer == null ? isRunning : pacer.isDue();
    }

    @Override
    public final void transfer(IoVec period) {
        move(period);
        advance();
    }

    @Override
    public final void skip() {
        moveNothing();
        advance();
    }

    @Override
    public final boolean miss() {
        if (pacer == null) {
            return false; // without a clock the file waits
        }
        skip();
        return true;
    }

    private void advance() {
        if (pacer != null) {
            pacer.advance();
        }
    }

    @Override
    public final long latencyBytes() {
        return 0;
    }

    @Override
    public final void close() {
        if (pacer != null) {
            pacer.close();
        }
        end();
    }

    @Override
    public final void abort() {
        close();
    }
}
