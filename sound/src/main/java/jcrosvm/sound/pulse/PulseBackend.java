package jcrosvm.sound.pulse;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Poller;
import jcrosvm.sound.SampleFormat;
import jcrosvm.sound.SoundBackend;
import jcrosvm.sound.SoundStream;
import jcrosvm.sound.StreamEvents;
import jcrosvm.sound.StreamParameters;

/** Streams of a PulseAudio server. */
public final class PulseBackend implements SoundBackend {
    /** A second of samples and more; a server keeps 4 MiB of a stream at most, which is several of them. */
    private static final int MOST_PERIOD = 1 << 18;

    private static final int MOST_CHANNELS = 32;

    private final PulseServer server;
    private final String label;
    private final List<Map<Integer, PulseStream>> streams = List.of(new HashMap<>(), new HashMap<>());
    private final List<Map<Integer, PulseStream>> before = List.of(new HashMap<>(), new HashMap<>());

    /** @param label in front of each line of the log: {@code "[Card 0] "} */
    public PulseBackend(PulseServer server, String label) {
        this.server = server;
        this.label = label;
    }

    @Override
    public boolean takes(SampleFormat format) {
        return Protocol.format(format) >= 0;
    }

    /** A server that is not there is waited for, and no reason to fail. */
    @Override
    public SoundStream open(StreamParameters parameters, Poller poller, StreamEvents events) {
        if (parameters.periodBytes() > MOST_PERIOD
                || parameters.channels() > MOST_CHANNELS
                || parameters.rate() > Protocol.MOST_RATE
                || !takes(parameters.format())) {
            throw new VmmException("PulseAudio cannot have a stream of %s, %d Hz, %d channels, periods of %d bytes"
                    .formatted(
                            parameters.format(), parameters.rate(), parameters.channels(), parameters.periodBytes()));
        }
        PulseStream stream = new PulseStream(server, label, parameters, poller, events);
        int direction = parameters.isCapture() ? 1 : 0;
        PulseStream last = streams.get(direction).put(parameters.index(), stream);
        if (last != null) { // closed, and perhaps still heard
            PulseStream older = before.get(direction).put(parameters.index(), last);
            if (older != null) {
                older.abort();
            }
        }
        stream.connect();
        return stream;
    }

    @Override
    public void close() {
        streams.forEach(all -> all.values().forEach(PulseStream::abort));
        before.forEach(all -> all.values().forEach(PulseStream::abort));
    }
}
