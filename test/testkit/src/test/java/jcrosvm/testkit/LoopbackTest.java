package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import jcrosvm.config.JsonReader;
import jcrosvm.config.Value;
import jcrosvm.memory.GuestMemory;
import jcrosvm.testkit.MockDriver.Host;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A device behind the loopback sees nothing of its driver that a connection could not carry. */
class LoopbackTest {
    /** Keeps what it is given, and does with it what no device should. */
    private static final class Greedy implements VirtioDevice {
        final byte[] state = {1, 2, 3};
        byte[] kept = {};
        Thread caller = Thread.currentThread();
        Value asked = Value.ofNull();

        @Nullable
        QueueResources resources;

        @Override
        public DeviceTraits traits() {
            return new DeviceTraits(42, 0, List.of(8), 4);
        }

        @Override
        public void attach(DeviceHost host) {
            caller = Thread.currentThread();
        }

        @Override
        public void negotiated(long features) {}

        @Override
        public void readConfig(int offset, byte[] into) {
            kept = into;
        }

        @Override
        public void writeConfig(int offset, byte[] from) {
            kept = from;
        }

        @Override
        public void startQueue(int index, QueueResources given) {
            resources = given;
        }

        @Override
        public @Nullable QueueState stopQueue(int index) {
            return QueueState.SPLIT;
        }

        @Override
        public void reset() {}

        @Override
        public byte[] saveState() {
            return state;
        }

        @Override
        public void restoreState(byte[] from) {
            kept = from;
        }

        @Override
        public CompletionStage<Value> command(String verb, Value body) {
            asked = body;
            return CompletableFuture.completedFuture(body);
        }

        @Override
        public void close() {}
    }

    private final Greedy device = new Greedy();

    private QueueResources given() {
        QueueResources resources = device.resources;
        if (resources == null) {
            throw new AssertionError("no queue was started");
        }
        return resources;
    }

    @Test
    void bytesAreCopies() {
        try (MockDriver driver = new MockDriver(Host.LOOPBACK, device, VirtioFeatures.RINGS)) {
            byte[] mine = {7, 7};
            driver.device().writeConfig(0, mine);
            device.kept[0] = 9;
            driver.device().restoreState(mine);
            device.kept[0] = 9;
            assertThat(mine).containsExactly(7, 7);
            driver.device().readConfig(0, mine);
            device.kept[0] = 9;
            assertThat(mine).containsExactly(7, 7);
            driver.device().saveState()[0] = 9;
            assertThat(device.state).containsExactly(1, 2, 3);
        }
    }

    @Test
    void requestsAndRepliesAreText() {
        try (MockDriver driver = new MockDriver(Host.LOOPBACK, device, VirtioFeatures.RINGS)) {
            Value body = JsonReader.parse("{\"a\":1}");
            Value reply =
                    driver.device().command("Echo", body).toCompletableFuture().join();
            assertThat(device.asked).isEqualTo(body).isNotSameAs(body);
            assertThat(reply).isEqualTo(body).isNotSameAs(device.asked);
        }
    }

    @Test
    void itIsCalledOnAThreadOfItsOwn() {
        try (MockDriver driver = new MockDriver(Host.LOOPBACK, device, VirtioFeatures.RINGS)) {
            assertThat(driver.failed()).isFalse();
            assertThat(device.caller).isNotSameAs(Thread.currentThread());
        }
    }

    @Test
    void memoryAndEventsAreItsOwnDescriptors() {
        try (MockDriver driver = new MockDriver(Host.LOOPBACK, device, VirtioFeatures.RINGS)) {
            MockQueue queue = driver.start(0, 8);
            GuestMemory own = given().memory();
            assertThat(own).isNotSameAs(driver.memory());
            long address = driver.allocate(4, 4);
            own.putInt(address, 42);
            assertThat(driver.memory().getInt(address)).isEqualTo(42);
            assertThat(own.hostAddress(address, 4)).isNotEqualTo(driver.memory().hostAddress(address, 4));
            queue.kick();
            assertThat(given().kick().drain()).isEqualTo(1);
            given().interrupt().signal();
            assertThat(queue.callEvent().drain()).isEqualTo(1);
            queue.stop();
            assertThat(given().kick().fd().isOpen())
                    .as("the queue is over for the device")
                    .isFalse();
            assertThat(given().interrupt().callEvent().fd().isOpen()).isFalse();
        }
    }
}
