package jcrosvm.sound.pulse;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.sound.Pump;
import jcrosvm.sound.SampleFormat;
import jcrosvm.sound.StreamParameters;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server that says what it likes: the stream goes on, by the clock at worst. */
class HostileServerTest {
    private static final int PERIOD = 4 * 480;
    private static final int CHANNEL = 5;

    @TempDir
    private Path home;

    private final Poller poller = new Poller();
    private UnixSocket listener;
    private PulseBackend backend;

    @BeforeEach
    void listen() {
        Path socket = home.resolve("native");
        listener = UnixSocket.listen(socket, UnixSocket.Type.STREAM);
        backend = new PulseBackend(new PulseServer(socket, "00".repeat(256), "", "", "test"), "");
    }

    @AfterEach
    void close() {
        backend.close();
        listener.close();
        poller.close();
    }

    private Pump pump(boolean capture) {
        return new Pump(
                backend,
                new StreamParameters(0, capture, SampleFormat.S16, 48_000, 2, PERIOD, 4L * PERIOD, false),
                poller);
    }

    private static byte[] frame(int channel, int flags, byte[] body) {
        return ByteBuffer.allocate(20 + body.length)
                .putInt(body.length)
                .putInt(channel)
                .putInt(0)
                .putInt(0)
                .putInt(flags)
                .put(body)
                .array();
    }

    private static byte[] message(TagWriter message) {
        return frame(-1, 0, Arrays.copyOf(message.array(), message.length()));
    }

    private static byte[] authenticated() {
        return message(new TagWriter().begin(Protocol.REPLY, 1).u32(35));
    }

    private static byte[] named() {
        return message(new TagWriter().begin(Protocol.REPLY, 2).u32(7));
    }

    private static byte[] created(boolean capture, int missing) {
        TagWriter reply = new TagWriter().begin(Protocol.REPLY, 3).u32(CHANNEL).u32(9);
        if (!capture) {
            reply.u32(missing).u32(1 << 20).u32(8 * PERIOD).u32(PERIOD).u32(PERIOD);
        } else {
            reply.u32(1 << 20).u32(PERIOD);
        }
        return message(reply.sampleSpec(3, 2, 48_000)
                .channelMap(new byte[] {1, 2})
                .u32(0)
                .string("sink")
                .bool(false));
    }

    private static byte[] wanted(int bytes) {
        return message(new TagWriter().begin(Protocol.REQUEST, -1).u32(CHANNEL).u32(bytes));
    }

    private static byte[] join(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    private void poll(int times) {
        for (int i = 0; i < times; i++) {
            poller.poll(0);
        }
    }

    /** Reads frames of the client until there are no more: how many bytes of samples. */
    private static int samples(UnixSocket server) {
        server.fd().nonBlocking(true);
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (UnixSocket.Message part = server.receive(1 << 16);
                part != null && !part.endOfStream();
                part = server.receive(1 << 16)) {
            all.writeBytes(part.data());
        }
        int samples = 0;
        ByteBuffer in = ByteBuffer.wrap(all.toByteArray());
        while (in.remaining() >= 20) {
            int length = in.getInt();
            samples += in.getInt() == CHANNEL ? length : 0;
            in.position(in.position() + 12 + length);
        }
        return samples;
    }

    @Test
    void theServerSetsThePace() {
        try (Pump playback = pump(false)) {
            UnixSocket server = listener.accept();
            playback.give(new byte[100 * PERIOD]);
            // One byte at a time: frames have no borders in the stream.
            for (byte b : join(authenticated(), named(), created(false, 2 * PERIOD))) {
                server.send(new byte[] {b});
                poll(1);
            }
            assertThat(playback.position()).isZero();
            playback.stream().start();
            playback.ready();
            assertThat(playback.position()).isEqualTo(2 * PERIOD);
            server.send(wanted(PERIOD / 2));
            poll(3);
            assertThat(playback.position()).isEqualTo(2 * PERIOD);
            server.send(wanted(PERIOD / 2));
            poll(3);
            assertThat(playback.position()).isEqualTo(3 * PERIOD);
            server.send(message(new TagWriter().begin(Protocol.UNDERFLOW, -1).u32(CHANNEL)));
            poll(3);
            assertThat(playback.xruns()).isOne();
            assertThat(samples(server)).isEqualTo(3 * PERIOD);
            server.close();
            playback.until(() -> playback.position() > 5 * PERIOD); // by the clock
        }
    }

    @Test
    void captureTakesWhatComes() {
        try (Pump monitor = pump(true)) {
            UnixSocket server = listener.accept();
            server.send(join(authenticated(), named(), created(true, 0)));
            poll(5);
            monitor.stream().start();
            byte[] samples = new byte[3 * PERIOD];
            new Random(1).nextBytes(samples);
            server.send(frame(CHANNEL, 0, Arrays.copyOf(samples, 100)));
            server.send(frame(CHANNEL, 0, Arrays.copyOfRange(samples, 100, 3 * PERIOD)));
            monitor.until(() -> monitor.position() == 3 * PERIOD);
            assertThat(monitor.captured()).isEqualTo(samples);
            for (int i = 0; i < 100; i++) { // with no room in the stream, and after that none in the socket
                try {
                    server.send(frame(CHANNEL, 0, samples));
                } catch (OsException e) {
                    break;
                }
                poll(2);
            }
            server.close();
        }
    }

    /** Between the request for a stream and the reply, the driver may start it. */
    @Test
    void aStreamThatIsStartedMeanwhileRuns() {
        try (Pump monitor = pump(true)) {
            UnixSocket server = listener.accept();
            server.send(join(authenticated(), named()));
            poll(3);
            monitor.stream().start();
            server.receive(1 << 16);
            server.send(created(true, 0));
            poll(3);
            ByteBuffer sent = ByteBuffer.wrap(server.receive(1 << 16).data());
            assertThat(sent.getInt(21)).isEqualTo(Protocol.CORK_RECORD_STREAM);
            assertThat(sent.get(20 + sent.getInt(0) - 1)).isEqualTo((byte) '0');
            server.close();
        }
    }

    /** What one stream played is heard while the next of its kind plays; no more than that. */
    @Test
    void twoStreamsOfAnIndexAreThereAtMost() {
        List<UnixSocket> servers = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            Pump playback = pump(false);
            UnixSocket server = listener.accept();
            servers.add(server);
            server.send(join(authenticated(), named(), created(false, 2 * PERIOD)));
            poll(3);
            playback.give(new byte[PERIOD]);
            playback.stream().start();
            playback.ready();
            playback.stream().close();
        }
        pump(false);
        for (int i = 0; i < 4; i++) {
            servers.get(i).fd().nonBlocking(true);
            boolean isOpen = true;
            for (UnixSocket.Message part = servers.get(i).receive(1 << 16);
                    part != null && isOpen;
                    part = servers.get(i).receive(1 << 16)) {
                isOpen = !part.endOfStream();
            }
            assertThat(isOpen).as("stream %d", i).isEqualTo(i == 3);
            servers.get(i).close();
        }
    }

    @Test
    void aServerThatIsTooOldOrRefusesIsToldOf() {
        for (byte[] answer : new byte[][] {
            message(new TagWriter().begin(Protocol.REPLY, 1).u32(12)),
            message(new TagWriter().begin(Protocol.ERROR, 1).u32(1)),
            frame(-1, 0x80000000, new byte[20]),
            frame(-1, 0, new byte[0]),
            frame(CHANNEL, 0, new byte[4])
        }) {
            try (Pump playback = pump(false)) {
                try (UnixSocket server = listener.accept()) {
                    playback.give(new byte[3 * PERIOD]);
                    playback.stream().start();
                    server.send(answer);
                    playback.until(() -> playback.position() == 3 * PERIOD);
                }
                // It comes again, and that connection is not answered.
            }
            drainListener();
        }
    }

    private void drainListener() {
        while (Poller.await(listener.fd(), Poller.READABLE, 0) != 0) {
            listener.accept().close();
        }
    }

    @Test
    void whateverBytesComeNothingBreaks() throws IOException {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        pump(false).close(); // what is opened once
        drainListener();
        long before = descriptors();
        for (int i = 0; i < 1500; i++) {
            boolean capture = random.nextBoolean();
            try (Pump pump = pump(capture);
                    UnixSocket server = listener.accept()) {
                pump.give(new byte[20 * PERIOD]);
                if (random.nextBoolean()) {
                    pump.stream().start();
                }
                byte[] talk = talk(random, capture);
                for (int at = 0; at < talk.length; ) {
                    int n = Math.min(talk.length - at, 1 + random.nextInt(300));
                    try {
                        server.send(Arrays.copyOfRange(talk, at, at + n));
                    } catch (OsException e) {
                        break; // the stream has hung up
                    }
                    at += n;
                    poll(2);
                    pump.ready();
                    if (random.nextInt(20) == 0) {
                        pump.stream().stop();
                        pump.stream().start();
                    }
                    if (random.nextInt(20) == 0 && pump.position() + PERIOD <= 20 * PERIOD) {
                        pump.move();
                    }
                }
                if (random.nextBoolean()) {
                    pump.stream().close();
                    poll(2);
                }
            } catch (RuntimeException | Error e) {
                throw new AssertionError("seed " + seed + ", talk " + i, e);
            }
            drainListener();
        }
        backend.close();
        assertThat(descriptors()).as("seed %d", seed).isEqualTo(before);
    }

    private static byte[] talk(Random random, boolean capture) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        if (random.nextInt(4) == 0) {
            byte[] noise = new byte[random.nextInt(200)];
            random.nextBytes(noise);
            return noise;
        }
        byte[][] parts = {
            authenticated(),
            named(),
            created(capture, random.nextInt(8 * PERIOD)),
            wanted(random.nextInt()),
            message(new TagWriter().begin(Protocol.UNDERFLOW, -1).u32(CHANNEL)),
            frame(CHANNEL, 0, new byte[1 + random.nextInt(4 * PERIOD)]),
            message(new TagWriter()
                    .begin(random.nextInt(100), random.nextInt(8))
                    .u32(random.nextInt())),
            message(new TagWriter().begin(Protocol.PLAYBACK_STREAM_KILLED, -1).u32(CHANNEL)),
        };
        int broken = random.nextInt(12);
        for (int i = 0; i < parts.length; i++) {
            byte[] part = (i > 3 ? parts[3 + random.nextInt(parts.length - 3)] : parts[i]).clone();
            if (i == broken) {
                part[random.nextInt(part.length)] = (byte) random.nextInt();
                if (random.nextBoolean()) {
                    part = Arrays.copyOf(part, random.nextInt(part.length + 8));
                }
            }
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    private static long descriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return all.count();
        }
    }
}
