package jcrosvm.devices;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.devices.block.BlockModule;
import jcrosvm.devices.net.NetConfig;
import jcrosvm.devices.net.NetModule;
import jcrosvm.devices.rng.RngConfig;
import jcrosvm.devices.rng.RngModule;
import jcrosvm.network.user.UserNetworkConfig;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.ProcessHost;
import jcrosvm.testkit.Quiet;
import jcrosvm.vhostuser.frontend.DeviceProcess;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.VmFacts;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Devices that no user can put into a process yet: what their modules open and say arrives there. */
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class OtherProcessTest {
    private static final VmFacts FACTS = new VmFacts(1, 64 << 20);

    @TempDir
    private Path dir;

    @BeforeEach
    void quiet() {
        Quiet.please();
    }

    @Test
    void entropy() {
        DeviceProcess process = ProcessHost.start(new RngModule(), new RngConfig(), 0, FACTS);
        try (MockDriver driver = new MockDriver(process.device(), VirtioFeatures.RINGS)) {
            MockQueue queue = driver.start(0, 8);
            MockQueue.Completion done = queue.perform(queue.writable(64));
            assertThat(done.written()).isEqualTo(64);
            assertThat(queue.content(done.buffers().getFirst())).isNotEqualTo(new byte[64]);
        }
        assertThat(process.ending().isGood()).isTrue();
    }

    @Test
    void aDisk() throws Exception {
        byte[] content = new byte[1 << 20];
        new Random(1).nextBytes(content);
        Path image = Files.write(dir.resolve("image"), content);
        BlockConfig config = RecordBinder.bind(KeyValueParser.parse("path=" + image + ",id=abc"), BlockConfig.class);
        DeviceProcess process = ProcessHost.start(new BlockModule(), config, 0, FACTS);
        try (MockDriver driver = new MockDriver(process.device(), VirtioFeatures.RINGS)) {
            assertThat(ByteBuffer.wrap(driver.config())
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .getLong())
                    .isEqualTo(content.length / 512);
            MockQueue queue = driver.start(0, 8);
            byte[] header = new byte[16];
            header[8] = 3; // the fourth sector
            MockQueue.Buffer data = queue.writable(512);
            MockQueue.Completion done = queue.perform(queue.readable(header), data, queue.writable(1));
            assertThat(done.written()).isEqualTo(513);
            assertThat(queue.content(data)).isEqualTo(java.util.Arrays.copyOfRange(content, 3 * 512, 4 * 512));
        }
        assertThat(process.ending().isGood()).isTrue();
    }

    @Test
    void aNetwork() {
        NetConfig config = NetConfig.user(UserNetworkConfig.defaults());
        DeviceProcess process = ProcessHost.start(new NetModule(), config, 0, FACTS);
        try (MockDriver driver = new MockDriver(process.device(), VirtioFeatures.RINGS)) {
            assertThat(driver.config()).startsWith(0x02); // a local address
            driver.start(0, 8);
            driver.start(1, 8);
        }
        assertThat(process.ending().isGood()).isTrue();
    }
}
