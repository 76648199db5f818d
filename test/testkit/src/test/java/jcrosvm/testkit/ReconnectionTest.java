package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.testkit.EchoDevice.Order;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.vhostuser.backend.DeviceServer;
import jcrosvm.vhostuser.backend.FrontEnds;
import jcrosvm.vhostuser.backend.GuestMemorySource;
import jcrosvm.vhostuser.frontend.DeviceType;
import jcrosvm.vhostuser.frontend.VhostUserConfig;
import jcrosvm.vhostuser.frontend.VhostUserModule;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.SharedMemoryWindow;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.VmFacts;
import jcrosvm.virtio.relay.RelayDevice;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A front end whose backend goes away, and what the driver may do meanwhile. */
class ReconnectionTest {
    private static final long VERSION_1 = VirtioFeatures.VIRTIO_F_VERSION_1;
    private static final long PACKED = VirtioFeatures.VIRTIO_F_RING_PACKED;
    private static final long OWN_FEATURE = 1;
    private static final long SLEEP = 50;

    @TempDir
    private Path directory;

    private final List<Backend> backends = new ArrayList<>();
    private final EchoDevice device = new EchoDevice(Order.LATE, List.of(16), OWN_FEATURE | PACKED);

    @BeforeEach
    void quiet() {
        Quiet.please();
    }

    @AfterEach
    void closeBackends() throws Exception {
        for (Backend backend : backends) {
            backend.end();
        }
        device.close();
    }

    private Path socket() {
        return directory.resolve("socket");
    }

    /** A server that listens at the path for one front end. */
    private final class Backend {
        final EventFd exit = new EventFd();
        final CompletableFuture<String> end = new CompletableFuture<>();
        final FrontEnds frontEnds = FrontEnds.listen(socket());

        Backend(VirtioDevice served) {
            backends.add(this);
            Thread.ofPlatform().daemon().name("backend").start(() -> serve(served));
        }

        private void serve(VirtioDevice served) {
            try {
                String problem = "";
                try (frontEnds;
                        Connection connection = frontEnds.next(exit)) {
                    if (connection != null) {
                        new DeviceServer(served, connection, GuestMemorySource.MAPPED).run(exit);
                    }
                } catch (ProtocolException e) {
                    problem = String.valueOf(e.getMessage());
                }
                end.complete(problem);
            } catch (Throwable e) {
                end.completeExceptionally(e);
            }
        }

        String end() throws Exception {
            if (!end.isDone()) {
                exit.signal();
            }
            return end.get(20, TimeUnit.SECONDS);
        }
    }

    private VirtioDevice frontEnd(int seconds) {
        VhostUserModule module = new VhostUserModule();
        VhostUserConfig config = VhostUserConfig.of(DeviceType.BLOCK, socket()).reconnect(seconds);
        VmFacts facts = new VmFacts(1, 64 << 20);
        return module.create(config, 0, module.open(config, 0, facts), facts);
    }

    private static void echo(MockQueue queue, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        Buffer answer = queue.writable(bytes.length);
        queue.perform(queue.readable(bytes), answer);
        assertThat(queue.content(answer)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @CsvSource({"false, false", "true, false", "false, true", "true, true"})
    void requestsWaitForTheNextBackend(boolean isRelayed, boolean packed) throws Exception {
        Backend first = new Backend(device);
        VirtioDevice frontEnd = frontEnd(20);
        try (MockDriver driver = new MockDriver(isRelayed ? new RelayDevice("relay", frontEnd) : frontEnd, VERSION_1)) {
            MockQueue queue = driver.start(0, 16);
            for (int i = 0; i < 40; i++) {
                echo(queue, "before " + i);
            }
            queue.stop();
            queue.restart();
            echo(queue, "first");
            assertThat(first.end()).isEmpty();
            CompletableFuture<Void> second = CompletableFuture.runAsync(() -> {
                try {
                    TimeUnit.MILLISECONDS.sleep(SLEEP);
                    new Backend(device);
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            });
            echo(queue, "second");
            second.get();
            queue.stop();
            queue.restart();
            echo(queue, "third");
            assertThat(driver.failed()).isFalse();
        }
    }

    /** What the driver has set up meanwhile holds for the next backend. */
    @Test
    void aDriverBeginsAnewWithoutABackend() throws Exception {
        Backend first = new Backend(device);
        try (MockDriver driver = new MockDriver(frontEnd(20), VERSION_1)) {
            echo(driver.start(0, 16), "first");
            first.end();
            TimeUnit.MILLISECONDS.sleep(SLEEP);
            driver.reset();
            MockQueue queue = driver.start(0, 8);
            queue.stop();
            queue.restart();
            new Backend(device);
            echo(queue, "second");
            assertThat(driver.failed()).isFalse();
        }
    }

    @Test
    void theConfigurationSpaceIsKeptAndWrittenAgain() throws Exception {
        Backend first = new Backend(device);
        device.writeConfig(0, new byte[] {1, 2, 3});
        try (MockDriver driver = new MockDriver(frontEnd(20), VERSION_1)) {
            echo(driver.start(0, 16), "first");
            driver.device().writeConfig(2, new byte[] {7});
            first.end();
            TimeUnit.MILLISECONDS.sleep(SLEEP);
            assertThat(driver.config()).startsWith(1, 2, 7);
            driver.device().writeConfig(3, new byte[] {8});
            EchoDevice other = new EchoDevice(Order.STRICT, List.of(16), OWN_FEATURE | PACKED);
            new Backend(other);
            assertThat(driver.configChanges().tryAcquire(20, TimeUnit.SECONDS)).isTrue();
            assertThat(driver.config()).startsWith(0, 0, 7, 8);
            backends.getLast().end();
            other.close();
        }
    }

    @Test
    void aStateCannotBeSavedMeanwhile() throws Exception {
        Backend first = new Backend(device);
        try (MockDriver driver = new MockDriver(frontEnd(20), VERSION_1)) {
            first.end();
            TimeUnit.MILLISECONDS.sleep(SLEEP);
            assertThatThrownBy(driver.device()::saveState)
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("away");
            new Backend(device);
        }
    }

    /** Keeps the reason. */
    private static final class LostHost implements DeviceHost {
        final CompletableFuture<String> reason = new CompletableFuture<>();

        @Override
        public void lost(String why) {
            reason.complete(why);
        }

        @Override
        public void configChanged() {
            // of no interest
        }

        @Override
        public void failed() {
            // of no interest
        }

        @Override
        public SharedMemoryWindow sharedMemory(int id) {
            throw new AssertionError("there is none");
        }
    }

    private String reasonOfLoss(int seconds, VirtioDevice... second) throws Exception {
        Backend first = new Backend(device);
        try (VirtioDevice frontEnd = frontEnd(seconds)) {
            LostHost host = new LostHost();
            frontEnd.attach(host);
            first.end();
            for (VirtioDevice next : second) {
                new Backend(next);
            }
            return host.reason.get(20, TimeUnit.SECONDS);
        }
    }

    @Test
    void noneComesBack() throws Exception {
        assertThat(reasonOfLoss(1)).contains("has closed the connection, and none took its place within 1 s");
    }

    @Test
    void anotherDeviceComesBack() throws Exception {
        EchoDevice other = new EchoDevice(Order.STRICT, List.of(16), PACKED);
        assertThat(reasonOfLoss(20, other)).contains("has come back as another device: it does not offer features 0x1");
        backends.getLast().end();
        other.close();
    }

    @Test
    void closingDoesNotWaitForIt() throws Exception {
        Backend first = new Backend(device);
        try (MockDriver driver = new MockDriver(frontEnd(3600), VERSION_1)) {
            echo(driver.start(0, 16), "first");
            first.end();
            TimeUnit.MILLISECONDS.sleep(SLEEP);
        }
    }
}
