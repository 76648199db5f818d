package jcrosvm.devices.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.serial.Endpoints;
import jcrosvm.serial.SerialConfig;
import jcrosvm.serial.SerialOutput;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(MockDriver.Host.class)
class ConsoleDeviceTest {
    private static final long SEVERAL = VirtioFeatures.RINGS | ConsoleDevice.VIRTIO_CONSOLE_F_MULTIPORT;

    private final MockDriver.Host host;

    ConsoleDeviceTest(MockDriver.Host host) {
        this.host = host;
    }

    @TempDir
    private Path folder;

    private static byte[] message(int port, int event, int value) {
        return ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(port)
                .putShort((short) event)
                .putShort((short) value)
                .array();
    }

    private static SerialOutput output(String options) {
        return Objects.requireNonNull(Endpoints.open("test", config(options)).output());
    }

    private static SerialConfig config(String options) {
        return RecordBinder.bind(KeyValueParser.parse(options), SerialConfig.class);
    }

    @Test
    void movesBytesBothWays() throws Exception {
        Path file = folder.resolve("out");
        Path path = folder.resolve("s");
        try (UnixSocket listener = UnixSocket.listen(path, UnixSocket.Type.STREAM)) {
            SerialOutput output = output("type=file,path=" + file);
            UnixSocket near = UnixSocket.connect(path, UnixSocket.Type.STREAM);
            try (UnixSocket far = listener.accept();
                    MockDriver driver = new MockDriver(
                            host,
                            new ConsoleDevice(List.of(new ConsolePort("test", "", true, near.fd(), output))),
                            VirtioFeatures.RINGS)) {
                MockQueue in = driver.start(0, 8);
                MockQueue out = driver.start(1, 8);
                String text = "x".repeat(10_000) + "\n";
                out.perform(out.readable(text.getBytes(StandardCharsets.UTF_8)));
                output.flush(30_000);
                assertThat(file).hasContent(text);
                for (int i = 0; i < 20; i++) {
                    far.send(("line " + i).getBytes(StandardCharsets.UTF_8)); // with and without a buffer waiting
                    MockQueue.Completion done = in.perform(in.writable(100));
                    assertThat(new String(
                                    in.content(done.buffers().getFirst()), 0, done.written(), StandardCharsets.UTF_8))
                            .isEqualTo("line " + i);
                }
            }
        }
    }

    @Test
    void introducesItsPorts() {
        List<ConsolePort> ports = List.of(
                new ConsolePort("test", "", true, null, null), new ConsolePort("test", "org.test", false, null, null));
        ConsoleDevice device = new ConsoleDevice(ports);
        try (MockDriver driver = new MockDriver(host, device, SEVERAL)) {
            assertThat(device.traits().queueSizes()).hasSize(6);
            MockQueue to = driver.start(3, 8);
            MockQueue from = driver.start(2, 8);
            to.perform(to.readable(message(-1, ConsoleControl.DEVICE_READY, 1)));
            assertThat(next(from)).isEqualTo(message(0, ConsoleControl.PORT_ADD, 1));
            assertThat(next(from)).isEqualTo(message(1, ConsoleControl.PORT_ADD, 1));
            to.perform(to.readable(message(0, ConsoleControl.PORT_READY, 1)));
            assertThat(next(from)).isEqualTo(message(0, ConsoleControl.CONSOLE_PORT, 1));
            assertThat(next(from)).isEqualTo(message(0, ConsoleControl.PORT_OPEN, 1));
            to.perform(to.readable(message(1, ConsoleControl.PORT_READY, 1)));
            assertThat(new String(next(from), StandardCharsets.UTF_8)).endsWith("org.test");
            assertThat(next(from)).isEqualTo(message(1, ConsoleControl.PORT_OPEN, 1));
        }
    }

    private static byte[] next(MockQueue queue) {
        MockQueue.Completion done = queue.perform(queue.writable(64));
        byte[] all = queue.content(done.buffers().getFirst());
        return java.util.Arrays.copyOf(all, done.written());
    }

    @Test
    void survivesHostileControlMessages() {
        List<ConsolePort> ports = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            ports.add(new ConsolePort("test", "p" + i, false, null, null));
        }
        try (MockDriver driver = new MockDriver(host, new ConsoleDevice(ports), SEVERAL)) {
            MockQueue to = driver.start(3, 64);
            MockQueue from = driver.start(2, 64);
            Random random = new Random(3);
            for (int i = 0; i < 2000; i++) {
                byte[] bytes = message(random.nextInt(5) - 1, random.nextInt(9), random.nextInt(3));
                to.perform(to.readable(java.util.Arrays.copyOf(bytes, random.nextInt(12))));
            }
            to.perform(to.readable(message(0, ConsoleControl.DEVICE_READY, 1)));
            assertThat(next(from)).isNotEmpty();
            assertThat(driver.failed()).isFalse();
        }
    }

    @Test
    void cannotBeSaved() {
        ConsoleDevice device = new ConsoleDevice(List.of(new ConsolePort("test", "", true, null, null)));
        try (MockDriver driver = new MockDriver(host, device, VirtioFeatures.RINGS)) {
            assertThat(driver.device().traits().unsavable()).isEqualTo("its ports are open streams");
            assertThatThrownBy(driver.device()::saveState).isInstanceOf(UnsupportedOperationException.class);
        }
    }

    /** The size that the terminal had before there was a driver, or while one without control queues was there. */
    @Test
    void tellsTheSizeToADriverThatComesLater() {
        ConsoleDevice device = new ConsoleDevice(List.of(new ConsolePort("test", "p", true, null, null)));
        device.resize(80, 25);
        try (MockDriver driver = new MockDriver(host, device, VirtioFeatures.RINGS)) {
            driver.start(1, 8);
            device.resize(132, 50);
            driver.reset();
            driver.device().negotiated(SEVERAL);
            MockQueue to = driver.start(3, 8);
            MockQueue from = driver.start(2, 8);
            to.perform(to.readable(message(0, ConsoleControl.PORT_READY, 1)));
            assertThat(next(from)).isEqualTo(message(0, ConsoleControl.CONSOLE_PORT, 1));
            assertThat(next(from))
                    .startsWith(message(0, ConsoleControl.RESIZE, 0))
                    .endsWith(132, 0, 50, 0);
        }
    }

    @Test
    void tellsTheSizeOfTheTerminal() throws Exception {
        ConsoleDevice device = new ConsoleDevice(List.of(new ConsolePort("test", "", true, null, null)));
        try (MockDriver driver =
                new MockDriver(host, device, VirtioFeatures.RINGS | ConsoleDevice.VIRTIO_CONSOLE_F_SIZE)) {
            driver.start(1, 8);
            device.resize(132, 50);
            assertThat(driver.configChanges().tryAcquire(20, TimeUnit.SECONDS)).isTrue();
            assertThat(driver.config()).startsWith(132, 0, 50, 0, 1, 0, 0, 0);
        }
    }
}
