package jcrosvm.sound;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;

/** The card's side of one stream: gives it periods of what is to be played, or keeps what it captures. */
public final class Pump implements StreamEvents, AutoCloseable {
    private static final long LIMIT = 30_000_000_000L;

    private final Poller poller;
    private final StreamParameters parameters;
    private final SoundStream stream;
    private final MemorySegment period;
    private final IoVec vec = new IoVec(1);
    private byte[] samples = new byte[0]; // to play, or captured
    private int position;
    private int xruns;

    public Pump(SoundBackend backend, StreamParameters parameters, Poller poller) {
        this.poller = poller;
        this.parameters = parameters;
        period = Arena.ofAuto().allocate(parameters.periodBytes(), 8);
        stream = backend.open(parameters, poller, this);
    }

    public SoundStream stream() {
        return stream;
    }

    /** Samples to be played from now on, whole periods. */
    public void give(byte[] more) {
        samples = more;
        position = 0;
    }

    /** What was captured. */
    public byte[] captured() {
        return Arrays.copyOf(samples, position);
    }

    /** Bytes that were moved. */
    public int position() {
        return position;
    }

    public int xruns() {
        return xruns;
    }

    @Override
    public void ready() {
        while (stream.isReady() && (parameters.isCapture() || position < samples.length)) {
            move();
        }
        while (stream.isReady() && stream.miss()) {
            xruns++;
        }
    }

    /** Moves a period, due or not. */
    public void move() {
        int length = parameters.periodBytes();
        vec.clear();
        vec.add(period, 0, length);
        if (parameters.isCapture()) {
            stream.transfer(vec);
            samples = Arrays.copyOf(samples, Math.max(samples.length, position + length));
            MemorySegment.copy(period, ValueLayout.JAVA_BYTE, 0, samples, position, length);
        } else {
            MemorySegment.copy(samples, position, period, ValueLayout.JAVA_BYTE, 0, length);
            stream.transfer(vec);
        }
        position += length;
    }

    @Override
    public void xrun() {
        xruns++;
    }

    /** Polls until something holds; fails when it does not in time. */
    public void until(BooleanSupplier holds) {
        long end = System.nanoTime() + LIMIT;
        while (!holds.getAsBoolean()) {
            if (System.nanoTime() > end) {
                throw new AssertionError("it does not come true; " + position + " bytes were moved");
            }
            poller.poll(20);
        }
    }

    @Override
    public void close() {
        stream.abort();
    }
}
