package jcrosvm.devices.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import jcrosvm.base.VmmException;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.io.DiskExecutor;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.MockQueue.Completion;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A guest cannot choose what its host makes of its raw disk at the next start. */
@ParameterizedClass
@EnumSource(MockDriver.Host.class)
class GuessedDiskTest {
    private static final int SIZE = 1 << 20;

    private final MockDriver.Host host;

    GuessedDiskTest(MockDriver.Host host) {
        this.host = host;
    }

    @TempDir
    Path dir;

    private Path disk() throws Exception {
        return Files.write(dir.resolve("disk.raw"), new byte[SIZE]);
    }

    private static byte[] padded(byte[] beginning) {
        return Arrays.copyOf(beginning, 4096);
    }

    private static byte[] qcow2() {
        return padded(new byte[] {'Q', 'F', 'I', (byte) 0xfb, 0, 0, 0, 3});
    }

    private static byte[] composite() {
        return padded("composite_disk\u001d\u0008\u0002".getBytes(StandardCharsets.US_ASCII));
    }

    private MockDriver driver(Path image, String options) {
        BlockConfig config = RecordBinder.bind(KeyValueParser.parse(image + options), BlockConfig.class);
        config.validate();
        try {
            DiskFile disk = DiskImages.open(image, config.options());
            return new MockDriver(
                    host,
                    new BlockDevice("block0", config, disk, 1),
                    VirtioFeatures.RINGS
                            | BlockSpec.VIRTIO_BLK_F_FLUSH
                            | BlockSpec.VIRTIO_BLK_F_DISCARD
                            | BlockSpec.VIRTIO_BLK_F_WRITE_ZEROES);
        } catch (VmmException e) {
            assumeTrue(false, e.getMessage());
            throw e;
        }
    }

    private static int write(MockQueue queue, long sector, byte[]... pieces) {
        byte[] header = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(BlockSpec.VIRTIO_BLK_T_OUT)
                .putInt(0)
                .putLong(sector)
                .array();
        MockQueue.Buffer[] buffers = new MockQueue.Buffer[pieces.length + 2];
        buffers[0] = queue.readable(header);
        for (int i = 0; i < pieces.length; i++) {
            buffers[i + 1] = queue.readable(pieces[i]);
        }
        buffers[pieces.length + 1] = queue.writable(1);
        Completion done = queue.perform(buffers);
        return queue.content(done.buffers().getLast())[0];
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ",async-executor=uring",
                ",direct",
                ",direct,async-executor=epoll",
                ",dontcache",
                ",dontcache,async-executor=uring",
                ",packed-queue,multiple-workers"
            })
    void noWriteMakesAnotherFormatOfIt(String options) throws Exception {
        Path image = disk();
        byte[] data = padded(new byte[] {1, 2, 3});
        try (MockDriver driver = driver(image, options)) {
            MockQueue queue = driver.start(0, 32);
            assertThat(write(queue, 0, data)).isZero();
            for (byte[] bait : List.of(qcow2(), composite())) {
                assertThat(write(queue, 0, bait)).isEqualTo(BlockSpec.VIRTIO_BLK_S_IOERR);
                assertThat(write(queue, 0, Arrays.copyOf(bait, 512))).isEqualTo(BlockSpec.VIRTIO_BLK_S_IOERR);
                byte[][] cut = {Arrays.copyOf(bait, 1), Arrays.copyOfRange(bait, 1, 3), Arrays.copyOfRange(bait, 3, 512)
                };
                assertThat(write(queue, 0, cut)).isEqualTo(BlockSpec.VIRTIO_BLK_S_IOERR);
                assertThat(write(queue, 0, new byte[256 << 10], new byte[512])).isZero();
                assertThat(write(queue, 0, data)).isZero();
                // Anywhere else it is nothing but data.
                assertThat(write(queue, 8, bait)).isZero();
            }
        }
        byte[] there = Files.readAllBytes(image);
        assertThat(Arrays.copyOf(there, 4096)).isEqualTo(data);
        assertThat(Arrays.copyOfRange(there, 4096, 8192)).isEqualTo(composite());
    }

    @Test
    void aGivenFormatLeavesItToTheGuest() throws Exception {
        Path image = disk();
        try (MockDriver driver = driver(image, ",format=raw")) {
            assertThat(write(driver.start(0, 8), 0, qcow2())).isZero();
        }
        assertThat(Files.readAllBytes(image)).startsWith(qcow2());
        try (MockDriver driver = driver(image, ",format=raw")) {
            assertThat(write(driver.start(0, 8), 0, composite())).isZero();
        }
    }

    @Test
    void theRefusalIsToldOnce() throws Exception {
        Logger log = Logger.getLogger(DiskExecutor.class.getName());
        List<String> lines = new CopyOnWriteArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord line) {
                lines.add(new SimpleFormatter().formatMessage(line));
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        log.addHandler(handler);
        try (MockDriver driver = driver(disk(), "")) {
            MockQueue queue = driver.start(0, 8);
            for (int i = 0; i < 10; i++) {
                assertThat(write(queue, 0, qcow2())).isEqualTo(BlockSpec.VIRTIO_BLK_S_IOERR);
            }
        } finally {
            log.removeHandler(handler);
        }
        assertThat(lines).singleElement().asString().contains("block0: ", "disk.raw", "format=raw");
    }
}
