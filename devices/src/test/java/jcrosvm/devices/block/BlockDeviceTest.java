package jcrosvm.devices.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.Errno;
import jcrosvm.base.VmmException;
import jcrosvm.config.JsonReader;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.io.ThrottleConfig;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.testkit.MockQueue.Completion;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(MockDriver.Host.class)
class BlockDeviceTest {
    private static final int MIB = 1 << 20;
    private static final long WRITABLE = VirtioFeatures.RINGS
            | BlockSpec.VIRTIO_BLK_F_FLUSH
            | BlockSpec.VIRTIO_BLK_F_DISCARD
            | BlockSpec.VIRTIO_BLK_F_WRITE_ZEROES;

    private final MemoryDisk disk = new MemoryDisk(MIB);
    private final Random random = new Random(5);

    private final MockDriver.Host host;

    BlockDeviceTest(MockDriver.Host host) {
        this.host = host;
    }

    private MockDriver driver(BlockConfig config, DiskFile disk, long features) {
        return new MockDriver(host, new BlockDevice("block0", config, disk, 4), features);
    }

    private static BlockConfig config() {
        return BlockConfig.of(Path.of("disk"));
    }

    private static byte[] header(int type, long sector) {
        return ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(type)
                .putInt(0)
                .putLong(sector)
                .array();
    }

    private static byte[] range(long sector, int count, int flags) {
        return ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(sector)
                .putInt(count)
                .putInt(flags)
                .array();
    }

    private static byte[] joined(byte[]... parts) {
        ByteBuffer all = ByteBuffer.allocate(
                Arrays.stream(parts).mapToInt(part -> part.length).sum());
        for (byte[] part : parts) {
            all.put(part);
        }
        return all.array();
    }

    private byte[] randomBytes(int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    private static int status(MockQueue queue, Completion done) {
        byte[] last = queue.content(done.buffers().getLast());
        return last[last.length - 1];
    }

    /** A request without data for the driver: its status. */
    private static int send(MockQueue queue, int type, long sector, byte[] data) {
        Completion done = queue.perform(queue.readable(joined(header(type, sector), data)), queue.writable(1));
        assertThat(done.written()).isEqualTo(1);
        return status(queue, done);
    }

    private static int write(MockQueue queue, long sector, byte[] data) {
        return send(queue, BlockSpec.VIRTIO_BLK_T_OUT, sector, data);
    }

    private static byte[] read(MockQueue queue, long sector, int length) {
        Completion done = queue.perform(
                queue.readable(header(BlockSpec.VIRTIO_BLK_T_IN, sector)), queue.writable(length), queue.writable(1));
        assertThat(status(queue, done)).isZero();
        assertThat(done.written()).isEqualTo(length + 1);
        return queue.content(done.buffers().get(1));
    }

    @Test
    void readsWhatWasWritten() {
        try (MockDriver driver = driver(config(), disk, WRITABLE)) {
            MockQueue queue = driver.start(0, 8);
            byte[] data = randomBytes(4096);
            assertThat(write(queue, 8, data)).isZero();
            assertThat(disk.bytes(4096, 4096)).isEqualTo(data);
            assertThat(read(queue, 8, 4096)).isEqualTo(data);
            assertThat(read(queue, 2047, 512)).isEqualTo(new byte[512]);
            assertThat(write(queue, 2047, randomBytes(512))).isZero();
        }
        assertThat(disk.closed).isTrue();
    }

    @Test
    void statusAndHeaderMayLieAnywhere() {
        try (MockDriver driver = driver(config(), disk, WRITABLE)) {
            MockQueue queue = driver.start(0, 32);
            byte[] data = randomBytes(1024);
            byte[] request = joined(header(BlockSpec.VIRTIO_BLK_T_OUT, 4), data);
            Completion done = queue.perform(
                    queue.readable(Arrays.copyOfRange(request, 0, 3)),
                    queue.readable(Arrays.copyOfRange(request, 3, 15)),
                    queue.readable(Arrays.copyOfRange(request, 15, 700)),
                    queue.readable(Arrays.copyOfRange(request, 700, request.length)),
                    queue.writable(1));
            assertThat(status(queue, done)).isZero();
            assertThat(disk.bytes(2048, 1024)).isEqualTo(data);

            // The data's last bytes and the status in one buffer.
            done = queue.perform(
                    queue.readable(header(BlockSpec.VIRTIO_BLK_T_IN, 4)), queue.writable(1), queue.writable(1024));
            byte[] got = joined(
                    queue.content(done.buffers().get(1)),
                    queue.content(done.buffers().get(2)));
            assertThat(got).isEqualTo(joined(data, new byte[] {0}));
            assertThat(done.written()).isEqualTo(1025);
        }
    }

    @Test
    void givesItsSerialNumber() {
        BlockConfig config = BlockConfig.of(Path.of("disk")).with(to -> to.id = "serial");
        try (MockDriver driver = driver(config, disk, WRITABLE)) {
            MockQueue queue = driver.start(0, 8);
            Completion done = queue.perform(
                    queue.readable(header(BlockSpec.VIRTIO_BLK_T_GET_ID, 0)), queue.writable(20), queue.writable(1));
            assertThat(done.written()).isEqualTo(21);
            assertThat(new String(queue.content(done.buffers().get(1)), StandardCharsets.US_ASCII))
                    .isEqualTo("serial" + "\0".repeat(14));
            assertThat(status(queue, done)).isZero();
        }
    }

    @Test
    void flushesDiscardsAndZeroes() {
        try (MockDriver driver = driver(config(), disk, WRITABLE)) {
            MockQueue queue = driver.start(0, 8);
            byte[] data = randomBytes(16384);
            assertThat(write(queue, 0, data)).isZero();
            assertThat(disk.flushes.get()).isZero();
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_FLUSH, 0, new byte[0]))
                    .isZero();
            assertThat(disk.flushes.get()).isEqualTo(1);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_DISCARD, 0, joined(range(0, 1, 0), range(3, 2, 0))))
                    .isZero();
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_WRITE_ZEROES, 0, range(8, 8, 1)))
                    .isZero();
            Arrays.fill(data, 0, 512, (byte) 0);
            Arrays.fill(data, 3 * 512, 5 * 512, (byte) 0);
            Arrays.fill(data, 8 * 512, 16 * 512, (byte) 0);
            assertThat(disk.bytes(0, data.length)).isEqualTo(data);
        }
    }

    @Test
    void refusesWhatIsWrongAndGoesOn() {
        try (MockDriver driver = driver(config(), disk, WRITABLE)) {
            MockQueue queue = driver.start(0, 8);
            byte[] sector = new byte[512];
            assertThat(write(queue, 2048, sector)).isEqualTo(1);
            assertThat(write(queue, 2047, new byte[1024])).isEqualTo(1);
            assertThat(write(queue, -1, sector)).isEqualTo(1);
            assertThat(write(queue, Long.MIN_VALUE, sector)).isEqualTo(1);
            assertThat(write(queue, 1L << 55, sector)).isEqualTo(1);
            assertThat(write(queue, 0, new byte[511])).isEqualTo(1);
            assertThat(send(queue, 99, 0, sector)).isEqualTo(2);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_DISCARD, 0, new byte[0]))
                    .isEqualTo(1);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_DISCARD, 0, new byte[17]))
                    .isEqualTo(1);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_DISCARD, 0, new byte[33 * 16]))
                    .isEqualTo(1);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_DISCARD, 0, range(0, 8, 1)))
                    .isEqualTo(2);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_DISCARD, 0, range(2048, 1, 0)))
                    .isEqualTo(1);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_DISCARD, 0, range(0, -1, 0)))
                    .isEqualTo(1);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_WRITE_ZEROES, 0, range(0, 8, 2)))
                    .isEqualTo(2);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_WRITE_ZEROES, 0, joined(range(0, 1, 0), range(1, 1, 0))))
                    .isEqualTo(1);
            // A header that is too short
            Completion done = queue.perform(queue.readable(new byte[15]), queue.writable(1));
            assertThat(status(queue, done)).isEqualTo(1);
            // A read of half a sector
            Buffer odd = queue.writable(257);
            done = queue.perform(queue.readable(header(BlockSpec.VIRTIO_BLK_T_IN, 0)), odd);
            assertThat(status(queue, done)).isEqualTo(1);
            assertThat(driver.failed()).isFalse();
            assertThat(write(queue, 0, sector)).isZero();
        }
    }

    @Test
    void needsAResetWithoutAStatusByte() {
        try (MockDriver driver = driver(config(), disk, WRITABLE)) {
            MockQueue queue = driver.start(0, 8);
            queue.submit(queue.readable(header(BlockSpec.VIRTIO_BLK_T_FLUSH, 0)));
            queue.kick();
            while (!driver.failed()) {
                Thread.onSpinWait();
            }
        }
    }

    @Test
    void readOnlyDisksRefuseWrites() {
        MemoryDisk readOnly = new MemoryDisk(MIB, DiskFile.Feature.DISCARD);
        try (MockDriver driver = driver(config(), readOnly, VirtioFeatures.RINGS)) {
            assertThat(driver.device().traits().features() & BlockSpec.VIRTIO_BLK_F_RO)
                    .isNotZero();
            assertThat(driver.device().traits().features()
                            & (BlockSpec.VIRTIO_BLK_F_FLUSH | BlockSpec.VIRTIO_BLK_F_DISCARD))
                    .isZero();
            MockQueue queue = driver.start(0, 8);
            assertThat(write(queue, 0, new byte[512])).isEqualTo(1);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_DISCARD, 0, range(0, 1, 0)))
                    .isEqualTo(1);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_WRITE_ZEROES, 0, range(0, 1, 0)))
                    .isEqualTo(1);
            assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_FLUSH, 0, new byte[0]))
                    .isZero();
            assertThat(read(queue, 0, 512)).isEqualTo(new byte[512]);
            assertThat(readOnly.flushes.get()).isZero();
        }
    }

    @Test
    void goesOnAfterTheHostFailed() {
        try (MockDriver driver = driver(config(), disk, WRITABLE)) {
            MockQueue queue = driver.start(0, 8);
            byte[] data = randomBytes(512);
            for (int errno : List.of(Errno.ENOSPC, Errno.EIO)) {
                disk.failure = errno;
                assertThat(write(queue, 0, data)).isEqualTo(1);
                assertThat(send(queue, BlockSpec.VIRTIO_BLK_T_FLUSH, 0, new byte[0]))
                        .isEqualTo(1);
                Completion done = queue.perform(
                        queue.readable(header(BlockSpec.VIRTIO_BLK_T_IN, 0)), queue.writable(512), queue.writable(1));
                assertThat(status(queue, done)).isEqualTo(1);
            }
            disk.failure = 0;
            assertThat(write(queue, 0, data)).isZero();
            assertThat(read(queue, 0, 512)).isEqualTo(data);
        }
    }

    @Test
    void writesThroughForDriversThatDoNotFlush() {
        try (MockDriver driver = driver(config(), disk, VirtioFeatures.RINGS)) {
            MockQueue queue = driver.start(0, 8);
            assertThat(write(queue, 0, new byte[512])).isZero();
            assertThat(disk.flushes.get()).isEqualTo(1);
        }
    }

    @Test
    void driverChoosesTheCacheMode() {
        try (MockDriver driver = driver(config(), disk, WRITABLE | BlockSpec.VIRTIO_BLK_F_CONFIG_WCE)) {
            MockQueue queue = driver.start(0, 8);
            assertThat(driver.config()[BlockSpec.CONFIG_WRITEBACK]).isEqualTo((byte) 1);
            driver.device().writeConfig(BlockSpec.CONFIG_WRITEBACK, new byte[] {0});
            assertThat(driver.config()[BlockSpec.CONFIG_WRITEBACK]).isZero();
            int before = disk.flushes.get();
            assertThat(write(queue, 0, new byte[512])).isZero();
            assertThat(disk.flushes.get()).isEqualTo(before + 1);
            queue.stop();
            byte[] state = driver.device().saveState();
            queue.restart();
            driver.device().writeConfig(BlockSpec.CONFIG_WRITEBACK, new byte[] {1});
            assertThat(write(queue, 0, new byte[512])).isZero();
            assertThat(disk.flushes.get()).isEqualTo(before + 1);
            queue.stop();
            driver.device().restoreState(state);
            assertThat(driver.config()[BlockSpec.CONFIG_WRITEBACK]).isZero();
        }
    }

    @Test
    void theCacheModeGoesOnElsewhere() {
        long features = WRITABLE | BlockSpec.VIRTIO_BLK_F_CONFIG_WCE;
        MemoryDisk other = new MemoryDisk(MIB);
        try (MockDriver driver = driver(config(), disk, features);
                MockDriver second = driver(config(), other, features)) {
            driver.device().writeConfig(BlockSpec.CONFIG_WRITEBACK, new byte[] {0});
            byte[] state = driver.device().saveState();
            second.device().restoreState(state);
            assertThat(second.config()).isEqualTo(driver.config());
            assertThat(second.device().saveState()).isEqualTo(state);
            assertThat(write(second.start(0, 8), 0, new byte[512])).isZero();
            assertThat(other.flushes.get()).as("write-through").isEqualTo(1);
            assertThatThrownBy(() -> second.device().restoreState(new byte[0]))
                    .isInstanceOf(VmmException.class)
                    .hasMessage(host.refusedState("block0: a state of 0 bytes is not of this device"));
        }
    }

    @Test
    void configurationSpaceIsAsTheStandardSays() {
        try (MockDriver driver = driver(config(), disk, WRITABLE)) {
            ByteBuffer config = ByteBuffer.wrap(driver.config()).order(ByteOrder.LITTLE_ENDIAN);
            assertThat(config.capacity()).isEqualTo(60);
            assertThat(config.getLong(0)).isEqualTo(2048);
            assertThat(config.getInt(12)).isEqualTo(254);
            assertThat(config.getInt(20)).isEqualTo(512);
            assertThat(config.get(24)).isEqualTo((byte) 3);
            assertThat(config.getShort(26)).isEqualTo((short) 8);
            assertThat(config.getShort(34)).isEqualTo((short) 4);
            assertThat(config.getInt(40)).isEqualTo(32);
            assertThat(config.getInt(44)).isEqualTo(128);
            assertThat(config.get(56)).isEqualTo((byte) 1);
            byte[] part = {1, 2, 3, 4};
            driver.device().readConfig(58, part);
            assertThat(part).containsExactly(0, 0, 3, 4);
            driver.device().readConfig(Integer.MAX_VALUE, part);
        }
    }

    private static void resize(MockDriver driver, long size) {
        String body = "{\"disk_index\":0,\"command\":{\"Resize\":{\"new_size\":" + size + "}}}";
        driver.device().command("DiskCommand", JsonReader.parse(body));
    }

    @Test
    void growsAndShrinksWhileRunning() throws Exception {
        try (MockDriver driver = new MockDriver(host, new BlockDevice("block0", config(), disk, 1), WRITABLE)) {
            MockQueue queue = driver.start(0, 8);
            assertThat(write(queue, 2048, new byte[512])).isEqualTo(1);
            resize(driver, 2 * MIB);
            assertThat(driver.configChanges().tryAcquire(20, TimeUnit.SECONDS)).isTrue();
            assertThat(ByteBuffer.wrap(driver.config())
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .getLong(0))
                    .isEqualTo(4096);
            assertThat(write(queue, 2048, new byte[512])).isZero();
            resize(driver, 512);
            assertThat(write(queue, 1, new byte[512])).isEqualTo(1);
            assertThat(write(queue, 0, new byte[512])).isZero();
        }
    }

    @Test
    void staysOutOfTheHostsCacheWhereThatIsPossible(@TempDir Path directory) throws Exception {
        Path image = directory.resolve("disk");
        Files.write(image, new byte[MIB]);
        for (AsyncExecutor executor : AsyncExecutor.values()) {
            BlockConfig config = BlockConfig.of(image).with(to -> {
                to.asyncExecutor = executor;
                to.dontcache = true;
            });
            try (MockDriver driver = driver(config, DiskImages.open(image, DiskOptions.DEFAULT), WRITABLE)) {
                MockQueue queue = driver.start(0, 8);
                byte[] data = randomBytes(4096);
                assertThat(write(queue, 8, data)).isZero();
                assertThat(read(queue, 8, 4096)).isEqualTo(data);
            } catch (VmmException e) {
                assumeTrue(false, e.getMessage());
            }
        }
    }

    @Test
    void aFileThatShrinksGivesErrors(@TempDir Path directory) throws Exception {
        Path image = directory.resolve("disk");
        for (AsyncExecutor executor : AsyncExecutor.values()) {
            Files.write(image, new byte[MIB]);
            try (MockDriver driver = driver(
                    BlockConfig.of(image).with(to -> to.asyncExecutor = executor),
                    DiskImages.open(image, DiskOptions.DEFAULT),
                    WRITABLE)) {
                MockQueue queue = driver.start(0, 8);
                try (FileChannel other = FileChannel.open(image, StandardOpenOption.WRITE)) {
                    other.truncate(4096);
                }
                Completion done = queue.perform(
                        queue.readable(header(BlockSpec.VIRTIO_BLK_T_IN, 1000)),
                        queue.writable(512),
                        queue.writable(1));
                assertThat(status(queue, done)).isEqualTo(1);
                assertThat(read(queue, 0, 4096)).isEqualTo(new byte[4096]);
            } catch (VmmException e) {
                assumeTrue(false, e.getMessage());
            }
        }
    }

    @Test
    void throttledRequestsComeLateAndOnce() {
        ThrottleConfig limit = new ThrottleConfig(0, 0, 0, 1000, 0, 0, 1);
        BlockConfig config = BlockConfig.of(Path.of("disk")).with(to -> to.throttle = limit);
        try (MockDriver driver = driver(config, disk, WRITABLE)) {
            MockQueue queue = driver.start(0, 256);
            int submitted = 60;
            for (int i = 0; i < submitted; i++) {
                queue.submit(
                        queue.readable(joined(header(BlockSpec.VIRTIO_BLK_T_OUT, i), new byte[512])),
                        queue.writable(1));
            }
            queue.kick();
            queue.stop(); // what has to wait stays in the ring
            queue.restart();
            int back = 0;
            while (back < submitted) {
                for (Completion done : queue.await()) {
                    assertThat(status(queue, done)).isZero();
                    back++;
                }
            }
            assertThat(queue.poll()).isEmpty();
        }
    }
}
