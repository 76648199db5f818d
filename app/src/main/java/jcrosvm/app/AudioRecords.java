package jcrosvm.app;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.sound.Silence;
import jcrosvm.sound.SoundBackend;
import jcrosvm.sound.SoundStream;
import jcrosvm.sound.StreamEvents;
import jcrosvm.sound.StreamParameters;

/** When a host took each period of silence. Times are nanoseconds since the stream was asked for. */
final class AudioRecords {
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(30);
    private static final int POLL_MILLIS = 100;

    private final long[] nanos;
    private final int[] frames;
    private final int expected;
    private int count;

    /** How long periods took, in nanoseconds. */
    record Steps(double min, double max, double average, double deviation) {}

    /** A line through frames over time: its slope in frames a second, and the standard error of that. */
    record Line(double rate, double error) {}

    private AudioRecords(int most, int expected) {
        nanos = new long[most];
        frames = new int[most];
        this.expected = expected;
    }

    /** For tests: records as given. */
    AudioRecords(long[] nanos, int[] frames, int expected) {
        this.nanos = nanos;
        this.frames = frames;
        this.expected = expected;
        count = nanos.length;
    }

    /** @throws VmmException when the host takes nothing */
    static AudioRecords measure(SoundBackend backend, StreamParameters parameters, Poller poller, int iterations) {
        AudioRecords records = new AudioRecords(iterations, parameters.periodFrames());
        IoVec period = silence(parameters);
        long start = System.nanoTime();
        SoundStream stream = backend.open(parameters, poller, new StreamEvents() {
            @Override
            public void ready() {}

            @Override
            public void xrun() {}
        });
        try {
            stream.start();
            long last = start;
            while (records.count < iterations) {
                long now = System.nanoTime();
                if (stream.isReady()) {
                    records.nanos[records.count] = now - start;
                    stream.transfer(period);
                    records.frames[records.count++] = (int) (period.length() / parameters.frameBytes());
                    last = now;
                } else if (now - last > LIMIT_NANOS + parameters.nanos(parameters.periodBytes())) {
                    throw new VmmException("audio-conformance: the host takes no sound");
                } else {
                    poller.poll(POLL_MILLIS);
                }
            }
            return records;
        } finally {
            stream.abort();
        }
    }

    private static IoVec silence(StreamParameters parameters) {
        IoVec period = new IoVec(1);
        MemorySegment bytes = Arena.ofAuto().allocate(parameters.periodBytes(), 8);
        period.add(bytes, 0, bytes.byteSize());
        Silence.of(parameters.format()).fill(period, 0);
        return period;
    }

    int count() {
        return count;
    }

    long nanos(int index) {
        return nanos[index];
    }

    int frames(int index) {
        return frames[index];
    }

    /** Until the first period was taken. */
    long coldStart() {
        return nanos[0];
    }

    /** How many periods had another length than asked for. */
    int mismatched() {
        int others = 0;
        for (int i = 0; i < count; i++) {
            others += frames[i] == expected ? 0 : 1;
        }
        return others;
    }

    Steps steps() {
        double min = Double.MAX_VALUE;
        double max = 0;
        double sum = 0;
        double squares = 0;
        for (int i = 1; i < count; i++) {
            double step = nanos[i] - nanos[i - 1];
            min = Math.min(min, step);
            max = Math.max(max, step);
            sum += step;
        }
        double average = sum / (count - 1);
        for (int i = 1; i < count; i++) {
            double off = nanos[i] - nanos[i - 1] - average;
            squares += off * off;
        }
        return new Steps(min, max, average, Math.sqrt(squares / (count - 1)));
    }

    Line line() {
        double meanTime = 0;
        double meanFrames = 0;
        long played = 0;
        for (int i = 0; i < count; i++) {
            meanTime += nanos[i] / 1e9 / count;
            played += frames[i];
            meanFrames += (double) played / count;
        }
        double times = 0;
        double products = 0;
        played = 0;
        for (int i = 0; i < count; i++) {
            double time = nanos[i] / 1e9 - meanTime;
            played += frames[i];
            times += time * time;
            products += time * (played - meanFrames);
        }
        double rate = products / times;
        double errors = 0;
        played = 0;
        for (int i = 0; i < count; i++) {
            played += frames[i];
            double off = played - meanFrames - rate * (nanos[i] / 1e9 - meanTime);
            errors += off * off;
        }
        return new Line(rate, Math.sqrt(errors / (count - 2) / times));
    }
}
