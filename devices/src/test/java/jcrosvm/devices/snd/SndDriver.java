package jcrosvm.devices.snd;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.testkit.MockQueue.Completion;
import jcrosvm.testkit.ProcessHost;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.VmFacts;

/** The driver of a sound card. */
final class SndDriver implements AutoCloseable {
    static final int S16 = 5;
    static final int HZ_48000 = 7;
    private static final int QUEUE = 64;
    private static final VmFacts FACTS = new VmFacts(1, 64 << 20);

    final MockDriver driver;
    final MockQueue control;
    final MockQueue events;
    final MockQueue transmit;
    final MockQueue receive;
    private final List<String> seenEvents = new ArrayList<>();
    private final Map<Integer, Buffer> status = new HashMap<>();

    /** Where the card is; its tests run in all. */
    enum Host {
        LOCAL,
        LOOPBACK,
        /** In another process, behind a vhost-user connection. */
        PROCESS;

        /** What the driver's side hears of a state that the device refuses to take over with this message. */
        String refusedState(String message) {
            return this == PROCESS
                    ? "the backend of snd0 refused its state (1)"
                    : MockDriver.Host.valueOf(name()).refusedState(message);
        }

        private MockDriver driver(VirtioDevice device) {
            // The front end of another process's device is called as a local one is.
            MockDriver.Host host = this == PROCESS ? MockDriver.Host.LOCAL : MockDriver.Host.valueOf(name());
            return new MockDriver(host, device, VirtioFeatures.RINGS);
        }
    }

    SndDriver(Host host, SndConfig config) {
        this(host, device(host, config));
    }

    SndDriver(Host host, VirtioDevice device) {
        this(host.driver(device));
    }

    SndDriver(MockDriver driver) {
        this.driver = driver;
        control = driver.start(0, QUEUE);
        events = driver.start(1, QUEUE);
        transmit = driver.start(2, QUEUE);
        receive = driver.start(3, QUEUE);
        for (int i = 0; i < 16; i++) {
            events.submit(events.writable(8));
        }
        events.kick();
    }

    List<MockQueue> queues() {
        return List.of(control, events, transmit, receive);
    }

    static VirtioDevice device(Host host, SndConfig config) {
        config.validate();
        if (host == Host.PROCESS) {
            return ProcessHost.start(new SndModule(), config, 0, FACTS).device();
        }
        return DeviceModule.make(new SndModule(), config, 0, FACTS);
    }

    static byte[] words(int... words) {
        ByteBuffer out = ByteBuffer.allocate(4 * words.length).order(ByteOrder.LITTLE_ENDIAN);
        Arrays.stream(words).forEach(out::putInt);
        return out.array();
    }

    static ByteBuffer bytes(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Sends a control request: status and what follows it. */
    ByteBuffer ask(byte[] request, int room) {
        Buffer question = control.readable(request);
        Buffer answer = control.writable(4 + room);
        Completion done = control.perform(question, answer);
        byte[] content = Arrays.copyOf(control.content(answer), done.written());
        control.free(done);
        return bytes(content);
    }

    int status(int... words) {
        return ask(words(words), 0).getInt();
    }

    int setParameters(int stream, int buffer, int period, int features, int channels, int format, int rate) {
        byte[] request = Arrays.copyOf(words(0x101, stream, buffer, period, features), 24);
        request[20] = (byte) channels;
        request[21] = (byte) format;
        request[22] = (byte) rate;
        return ask(request, 0).getInt();
    }

    int prepare(int stream) {
        return status(0x102, stream);
    }

    int release(int stream) {
        return status(0x103, stream);
    }

    int start(int stream) {
        return status(0x104, stream);
    }

    int stop(int stream) {
        return status(0x105, stream);
    }

    /** Makes a period available to be played. */
    void play(int stream, byte[] samples) {
        Buffer answer = transmit.writable(8);
        int id = transmit.submit(transmit.readable(words(stream)), transmit.readable(samples), answer);
        status.put(id, answer);
        transmit.kick();
    }

    /** Makes room available for a captured period. */
    void capture(int stream, int length) {
        receive.submit(receive.readable(words(stream)), receive.writable(length), receive.writable(8));
        receive.kick();
    }

    /** Waits until some periods were played; the status of each. */
    List<Integer> played(int count) {
        List<Integer> codes = new ArrayList<>();
        while (codes.size() < count) {
            for (Completion done : transmit.await()) {
                assertThat(done.written()).isEqualTo(8);
                codes.add(bytes(transmit.content(status.remove(done.id()))).getInt());
                transmit.free(done);
            }
        }
        return codes;
    }

    /** Waits until some periods were captured: the samples of each. */
    List<byte[]> captured(int count) {
        List<byte[]> periods = new ArrayList<>();
        while (periods.size() < count) {
            for (Completion done : receive.await()) {
                Buffer samples = done.buffers().get(1);
                assertThat(done.written()).isEqualTo(samples.length() + 8);
                assertThat(bytes(receive.content(done.buffers().get(2))).getInt())
                        .isEqualTo(0x8000);
                periods.add(receive.content(samples));
                receive.free(done);
            }
        }
        return periods;
    }

    /** Events so far, as {@code 1101:0} for an xrun of stream 0. */
    List<String> events() {
        for (Completion done : events.poll()) {
            ByteBuffer event = bytes(events.content(done.buffers().getFirst()));
            seenEvents.add("%x:%d".formatted(event.getInt(), event.getInt()));
            events.free(done);
            events.submit(events.writable(8));
        }
        return seenEvents;
    }

    @Override
    public void close() {
        driver.close();
    }
}
