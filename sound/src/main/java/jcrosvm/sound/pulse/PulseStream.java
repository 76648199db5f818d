package jcrosvm.sound.pulse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.io.IoVec;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.TimerFd;
import jcrosvm.sound.Pacer;
import jcrosvm.sound.Silence;
import jcrosvm.sound.SoundStream;
import jcrosvm.sound.StreamEvents;
import jcrosvm.sound.StreamParameters;

/** A stream of the server, or the clock where there is no server. */
final class PulseStream implements SoundStream, Inbox.Receiver {
    private static final LimitedLog LOG = LimitedLog.of(PulseStream.class);

    private static final long REPLY_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long POLL_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final long LEAST_STALL_NANOS = TimeUnit.SECONDS.toNanos(3);
    private static final long FIRST_RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
    private static final long MOST_RETRY_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final int CAPTURED_PERIODS = 4;
    /** Pieces of silence that the longest period has. */
    private static final int MOST_PIECES = 32;

    /** More credit than any buffer has is a server's mistake. */
    private static final long MOST_CREDIT = 1L << 30;

    private enum State {
        /** For the next attempt to connect. */
        WAITING,
        AUTHENTICATING,
        NAMING,
        CREATING,
        UP,
        /** Closed, and still heard. */
        DRAINING,
        CLOSED
    }

    private final PulseServer server;
    private final String label;
    private final StreamParameters parameters;
    private final Poller poller;
    private final StreamEvents events;
    private final Requests requests;
    private final Silence silence;
    private final Arena arena = Arena.ofShared(); // gives back at once what a driver can have opened again and again
    private final ServerLink link;
    private final IoVec silentPeriod;
    private final Ring captured;
    private final Pacer pacer; // runs while the stream does and the server is not there
    private final TimerFd timer = new TimerFd();
    private final long stallNanos;

    private State state = State.WAITING;
    private int expected; // tag of the reply that the state waits for
    private int latencyTag = Protocol.NO_REPLY;
    private int channel;
    private long credit; // bytes that the server wants
    private long latency;
    private long progress; // when the server took or gave samples
    private long retry = FIRST_RETRY_NANOS;
    private boolean isRunning;
    private boolean isCorked; // in the server
    private boolean hasPlayed;
    private boolean isLostTold;

    PulseStream(PulseServer server, String label, StreamParameters parameters, Poller poller, StreamEvents events) {
        this.server = server;
        this.label = label;
        this.parameters = parameters;
        this.poller = poller;
        this.events = events;
        requests = new Requests(server, parameters);
        silence = Silence.of(parameters.format());
        silentPeriod = new IoVec(MOST_PIECES);
        int buffer = requests.bufferBytes();
        long waiting = parameters.isCapture() ? 0 : buffer + 2L * parameters.periodBytes();
        link = new ServerLink(arena, waiting, parameters.frameBytes(), poller, this, this::lost);
        captured = new Ring(arena, parameters.isCapture() ? (long) CAPTURED_PERIODS * parameters.periodBytes() : 1);
        stallNanos = Math.max(LEAST_STALL_NANOS, 4 * parameters.nanos(buffer));
        pacer = new Pacer(parameters, poller, events::ready);
        poller.add(timer.fd(), Poller.READABLE, ready -> {
            if (timer.drain() > 0) {
                guarded(this::timeOut);
            }
        });
    }

    private void guarded(Runnable step) {
        try {
            step.run();
        } catch (RuntimeException e) {
            lost(String.valueOf(e.getMessage()));
        }
    }

    void connect() {
        guarded(() -> {
            link.connect(server.socket());
            expect(State.AUTHENTICATING, requests.authenticate());
        });
    }

    /** Sends a request whose reply is waited for. */
    private void expect(State next, TagWriter request) {
        state = next;
        expected = requests.tag();
        timer.arm(REPLY_NANOS, 0);
        link.send(request);
    }

    private void timeOut() {
        switch (state) {
            case WAITING -> connect();
            case AUTHENTICATING, NAMING, CREATING -> throw new PulseException("the server does not answer");
            case UP -> poll();
            case DRAINING -> abort();
            case CLOSED -> {}
        }
    }

    private void poll() {
        if (isRunning && !isReady() && System.nanoTime() - progress > stallNanos) {
            throw new PulseException("the server moves no samples");
        }
        if (isRunning) {
            timer.arm(POLL_NANOS, 0);
        }
        if (latencyTag == Protocol.NO_REPLY) {
            TagWriter request = requests.latency(channel);
            latencyTag = requests.tag();
            link.send(request);
        }
    }

    @Override
    public void message(TagReader message) {
        int command = message.u32();
        int tag = message.u32();
        switch (command) {
            case Protocol.REPLY -> reply(message, tag);
            case Protocol.ERROR -> {
                int code = message.u32();
                if (tag == expected || state != State.DRAINING) {
                    throw new PulseException("the server refuses: " + Protocol.error(code));
                }
            }
            case Protocol.REQUEST -> {
                if (isOurs(message)) {
                    credit = Math.min(MOST_CREDIT, credit + (message.u32() & 0xffffffffL));
                    moved();
                }
            }
            case Protocol.UNDERFLOW -> {
                if (isOurs(message) && isRunning) {
                    events.xrun();
                }
            }
            case Protocol.PLAYBACK_STREAM_KILLED, Protocol.RECORD_STREAM_KILLED -> {
                if (isOurs(message)) {
                    throw new PulseException("the server has ended the stream");
                }
            }
            default -> {} // notices of no interest
        }
    }

    private boolean isOurs(TagReader message) {
        return message.u32() == channel && state == State.UP;
    }

    private void moved() {
        progress = System.nanoTime();
        if (isRunning) {
            events.ready();
        }
    }

    private void reply(TagReader message, int tag) {
        if (tag == latencyTag && state == State.UP) {
            latencyTag = Protocol.NO_REPLY;
            latency = Replies.latency(message, parameters, MOST_CREDIT);
        } else if (tag == expected) {
            switch (state) {
                case AUTHENTICATING -> {
                    Replies.authenticated(message);
                    expect(State.NAMING, requests.setName());
                }
                case NAMING -> {
                    isCorked = !parameters.isCapture() || !isRunning;
                    expect(State.CREATING, requests.create(isCorked));
                }
                case CREATING -> created(message);
                case DRAINING -> abort();
                default -> {}
            }
        }
    }

    private void created(TagReader message) {
        Replies.Created created = Replies.created(message, parameters);
        channel = created.channel();
        credit = created.credit();
        state = State.UP;
        latencyTag = Protocol.NO_REPLY;
        latency = 0;
        retry = FIRST_RETRY_NANOS;
        captured.clear();
        pacer.stop();
        timer.arm(POLL_NANOS, 0);
        if (isLostTold) {
            isLostTold = false;
            LOG.log(System.Logger.Level.INFO, label + "the sound server " + server.socket() + " is there");
        }
        if (parameters.isCapture() && isCorked == isRunning) {
            cork(!isRunning); // it was started or stopped since the request
        }
        moved();
    }

    @Override
    public void data(int to, MemorySegment from, long offset, long length) {
        if (!parameters.isCapture() || state == State.UP && to != channel) {
            throw new PulseException("the server sends samples that were not asked for");
        }
        if (state == State.UP && isRunning) {
            if (!captured.add(from, offset, length)) {
                events.xrun();
            }
            moved();
        }
    }

    /** The server is of no more use; the stream has the clock's pace until there is one again. */
    private void lost(String reason) {
        link.disconnect();
        if (state == State.DRAINING || state == State.CLOSED) {
            abort();
            return;
        }
        if (state == State.UP || !isLostTold) {
            isLostTold = true;
            LOG.log(
                    System.Logger.Level.WARNING,
                    label + "no sound from or to the server " + server.socket() + " for now: " + reason);
        }
        boolean wasUp = state == State.UP;
        state = State.WAITING;
        latency = 0;
        timer.arm(retry, 0);
        retry = Math.min(MOST_RETRY_NANOS, 2 * retry);
        if (isRunning && (wasUp || !pacer.isRunning())) {
            pacer.start();
        }
    }

    private void cork(boolean on) {
        isCorked = on;
        link.send(requests.cork(channel, on));
    }

    @Override
    public void start() {
        isRunning = true;
        progress = System.nanoTime();
        if (state == State.UP) {
            timer.arm(POLL_NANOS, 0);
            if (parameters.isCapture()) {
                guarded(() -> cork(false));
            }
        }
        if (state != State.UP) {
            pacer.start();
        }
    }

    @Override
    public void stop() {
        isRunning = false;
        pacer.stop();
        if (parameters.isCapture()) {
            captured.clear();
            if (state == State.UP) {
                guarded(() -> {
                    cork(true);
                    link.send(requests.flush(channel));
                });
            }
        }
    }

    @Override
    public boolean isReady() {
        if (state != State.UP) {
            return pacer.isDue();
        }
        return isRunning && (parameters.isCapture() ? captured.count() : credit) >= parameters.periodBytes();
    }

    @Override
    public void transfer(IoVec period) {
        progress = System.nanoTime();
        if (parameters.isCapture()) {
            long length = Math.min(period.length(), captured.count());
            captured.take(period, length);
            silence.fill(period, length - length % parameters.frameBytes());
        } else if (state == State.UP) {
            play(period);
        }
        pacer.advance();
    }

    private void play(IoVec period) {
        hasPlayed = true;
        credit -= period.length();
        try {
            if (!link.add(channel, period)) {
                LOG.log(System.Logger.Level.WARNING, label + "the sound server is slow: a period is dropped");
            }
            if (isCorked) {
                cork(false); // not before there is something to play: that would be an underrun
            } else {
                link.flush();
            }
        } catch (RuntimeException e) {
            lost(String.valueOf(e.getMessage()));
        }
    }

    @Override
    public void skip() {
        if (parameters.isCapture()) {
            captured.drop(Math.min(captured.count(), parameters.periodBytes()));
            pacer.advance();
        } else {
            silentPeriod.clear();
            silence.addTo(silentPeriod, parameters.periodBytes());
            transfer(silentPeriod);
        }
    }

    /** A server that is there has a buffer of its own, and says when that is empty or full. */
    @Override
    public boolean miss() {
        if (state == State.UP) {
            return false;
        }
        pacer.advance();
        return true;
    }

    @Override
    public long latencyBytes() {
        return latency;
    }

    @Override
    public void close() {
        isRunning = false;
        pacer.stop();
        if (state == State.UP && hasPlayed) {
            guarded(() -> {
                expect(State.DRAINING, requests.drain(channel));
                timer.arm(stallNanos, 0);
            });
        } else {
            abort();
        }
    }

    @Override
    public void abort() {
        if (state == State.UP || state == State.DRAINING) {
            try {
                link.send(requests.flush(channel));
                link.send(requests.delete(channel));
            } catch (RuntimeException e) {
                LOG.log(System.Logger.Level.DEBUG, label + "the sound server was left", e);
            }
        }
        state = State.CLOSED;
        isRunning = false;
        link.disconnect();
        if (timer.fd().isOpen()) {
            poller.remove(timer.fd());
            timer.close();
            pacer.close();
            arena.close();
        }
    }
}
