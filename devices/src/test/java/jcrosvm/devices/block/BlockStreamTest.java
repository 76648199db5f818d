package jcrosvm.devices.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.IoUring;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskOptions;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.testkit.MockQueue.Completion;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Random requests on several queues against an array of bytes, whatever the rings look like and who carries them out. */
@ParameterizedClass
@EnumSource(MockDriver.Host.class)
class BlockStreamTest {
    private static final int SECTORS = 4096;
    private static final int SECTOR = 512;
    private static final int QUEUES = 2;
    private static final int STEPS = 250;

    private final MockDriver.Host host;

    BlockStreamTest(MockDriver.Host host) {
        this.host = host;
    }

    @TempDir
    Path directory;

    private record Setup(boolean packed, boolean indirect, boolean eventIdx, boolean uring, boolean workers) {
        long features() {
            return VirtioFeatures.VIRTIO_F_VERSION_1
                    | BlockSpec.VIRTIO_BLK_F_FLUSH
                    | BlockSpec.VIRTIO_BLK_F_DISCARD
                    | BlockSpec.VIRTIO_BLK_F_WRITE_ZEROES
                    | (packed ? VirtioFeatures.VIRTIO_F_RING_PACKED : 0)
                    | (indirect ? VirtioFeatures.VIRTIO_F_INDIRECT_DESC : 0)
                    | (eventIdx ? VirtioFeatures.VIRTIO_F_EVENT_IDX : 0);
        }

        BlockConfig config(Path path) {
            return BlockConfig.of(path).with(to -> {
                to.multipleWorkers = workers;
                to.asyncExecutor = uring ? AsyncExecutor.URING : AsyncExecutor.EPOLL;
                to.packedQueue = packed;
            });
        }
    }

    /** A request in flight: what it must have done when it is back. */
    private record Expected(int type, int first, int count, byte[] data) {}

    static Stream<Setup> setups() {
        List<Setup> all = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            all.add(new Setup((i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0, (i & 16) != 0));
        }
        return all.stream();
    }

    private static void assumeUring() {
        try {
            new IoUring(1).close();
        } catch (VmmException e) {
            assumeTrue(false, e.getMessage());
        }
    }

    @ParameterizedTest
    @MethodSource("setups")
    void doesAsAnArrayOfBytesWould(Setup setup) throws Exception {
        if (setup.uring) {
            assumeUring();
        }
        Path image = directory.resolve("disk");
        Files.write(image, new byte[SECTORS * SECTOR]);
        DiskFile disk = DiskImages.open(image, DiskOptions.DEFAULT);
        byte[] model = new byte[SECTORS * SECTOR];
        BlockDevice device = new BlockDevice("block0", setup.config(image), disk, QUEUES);
        try (MockDriver driver = new MockDriver(host, device, setup.features())) {
            new Run(driver, setup, model, new Random(setup.hashCode())).run();
        }
        assertThat(Files.readAllBytes(image)).isEqualTo(model);
    }

    /** One run: at any time no two requests in flight touch the same sector, so the order among them does not matter. */
    private static final class Run {
        private final Setup setup;
        private final byte[] model;
        private final Random random;
        private final List<MockQueue> queues = new ArrayList<>();
        private final List<Map<Integer, Expected>> inFlight = new ArrayList<>();
        private final BitSet busy = new BitSet();

        Run(MockDriver driver, Setup setup, byte[] model, Random random) {
            this.setup = setup;
            this.model = model;
            this.random = random;
            for (int i = 0; i < QUEUES; i++) {
                queues.add(driver.start(i, 64));
                inFlight.add(new HashMap<>());
            }
        }

        void run() {
            for (int step = 0; step < STEPS; step++) {
                int index = random.nextInt(QUEUES);
                MockQueue queue = queues.get(index);
                if (random.nextInt(50) == 0) {
                    finish(index);
                    for (int i = 0; i < 20; i++) { // one after the other
                        submit(index);
                        finish(index);
                    }
                } else if (random.nextInt(4) != 0) {
                    submit(index);
                    if (random.nextInt(3) == 0) {
                        queue.kick();
                    }
                } else if (random.nextInt(8) == 0) {
                    queue.kick();
                    queue.stop();
                    queue.restart();
                } else {
                    queue.poll().forEach(done -> check(index, done));
                }
            }
            for (int i = 0; i < QUEUES; i++) {
                finish(i);
            }
        }

        private void finish(int index) {
            queues.get(index).kick();
            while (!inFlight.get(index).isEmpty()) {
                queues.get(index).await().forEach(done -> check(index, done));
            }
        }

        private void submit(int index) {
            int type = new int[] {
                        BlockSpec.VIRTIO_BLK_T_IN,
                        BlockSpec.VIRTIO_BLK_T_IN,
                        BlockSpec.VIRTIO_BLK_T_OUT,
                        BlockSpec.VIRTIO_BLK_T_OUT,
                        BlockSpec.VIRTIO_BLK_T_WRITE_ZEROES,
                        BlockSpec.VIRTIO_BLK_T_FLUSH
                    }
                    [random.nextInt(6)];
            int count = 1 + random.nextInt(16);
            int first = random.nextInt(SECTORS - count);
            if (type == BlockSpec.VIRTIO_BLK_T_FLUSH) {
                count = 0;
            }
            int taken = busy.nextSetBit(first);
            if (taken >= 0 && taken < first + count) {
                return;
            }
            MockQueue queue = queues.get(index);
            byte[] data = new byte[0];
            ByteBuffer header = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
            header.putInt(type).putInt(0).putLong(type == BlockSpec.VIRTIO_BLK_T_WRITE_ZEROES ? 0 : first);
            List<Buffer> buffers = new ArrayList<>(pieces(queue, header.array()));
            if (type == BlockSpec.VIRTIO_BLK_T_OUT) {
                data = new byte[count * SECTOR];
                random.nextBytes(data);
                buffers.addAll(pieces(queue, data));
            } else if (type == BlockSpec.VIRTIO_BLK_T_WRITE_ZEROES) {
                data = new byte[count * SECTOR];
                ByteBuffer range = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
                range.putLong(first).putInt(count).putInt(random.nextInt(2));
                buffers.addAll(pieces(queue, range.array()));
            }
            int answer = (type == BlockSpec.VIRTIO_BLK_T_IN ? count * SECTOR : 0) + 1;
            while (answer > 0) {
                int n = random.nextInt(3) == 0 ? answer : 1 + random.nextInt(answer);
                n = buffers.size() > 12 ? answer : n;
                buffers.add(queue.writable(n));
                answer -= n;
            }
            Buffer[] all = buffers.toArray(Buffer[]::new);
            boolean indirect = setup.indirect && random.nextBoolean();
            if (queue.room() < (indirect ? 1 : all.length)) {
                queue.free(all);
                queue.kick();
                return;
            }
            int id = indirect ? queue.submitIndirect(all) : queue.submit(all);
            inFlight.get(index).put(id, new Expected(type, first, count, data));
            busy.set(first, first + count);
        }

        private List<Buffer> pieces(MockQueue queue, byte[] bytes) {
            List<Buffer> buffers = new ArrayList<>();
            for (int at = 0; at < bytes.length; ) {
                int n = random.nextInt(3) == 0 || buffers.size() > 4
                        ? bytes.length - at
                        : 1 + random.nextInt(bytes.length - at);
                buffers.add(queue.readable(Arrays.copyOfRange(bytes, at, at + n)));
                at += n;
            }
            return buffers;
        }

        private void check(int index, Completion done) {
            Expected expected = inFlight.get(index).remove(done.id());
            assertThat(expected).isNotNull();
            MockQueue queue = queues.get(index);
            int total = done.buffers().stream()
                    .filter(Buffer::writable)
                    .mapToInt(Buffer::length)
                    .sum();
            ByteBuffer answer = ByteBuffer.allocate(total);
            done.buffers().stream().filter(Buffer::writable).forEach(buffer -> answer.put(queue.content(buffer)));
            assertThat(done.written()).isEqualTo(total);
            assertThat(answer.get(total - 1)).isZero();
            int from = expected.first * SECTOR;
            int to = from + expected.count * SECTOR;
            if (expected.type == BlockSpec.VIRTIO_BLK_T_IN) {
                assertThat(Arrays.copyOf(answer.array(), total - 1)).isEqualTo(Arrays.copyOfRange(model, from, to));
            } else if (expected.type != BlockSpec.VIRTIO_BLK_T_FLUSH) {
                System.arraycopy(expected.data, 0, model, from, expected.data.length);
            }
            busy.clear(expected.first, expected.first + expected.count);
            queue.free(done);
        }
    }

    /** Arbitrary headers, cuts and lengths: each gets a status, or the device asks to be reset; nothing else happens. */
    @ParameterizedTest
    @MethodSource("setups")
    void survivesArbitraryRequests(Setup setup) {
        if (setup.uring || setup.workers) {
            return;
        }
        for (int seed = 0; seed < 4; seed++) {
            Random random = new Random(seed);
            MemoryDisk disk = new MemoryDisk(1 << 16);
            BlockDevice device = new BlockDevice("block0", setup.config(Path.of("disk")), disk, 1);
            try (MockDriver driver = new MockDriver(host, device, setup.features())) {
                MockQueue queue = driver.start(0, 32);
                for (int i = 0; i < 100 && !driver.failed(); i++) {
                    Completion done = arbitrary(queue, random);
                    if (done != null) {
                        byte[] last = queue.content(done.buffers().getLast());
                        assertThat(last[last.length - 1]).isBetween((byte) 0, (byte) 2);
                        queue.free(done);
                    }
                }
                assertThat(driver.failed()).isFalse();
            }
        }
    }

    private static Completion arbitrary(MockQueue queue, Random random) {
        int[] types = {0, 1, 4, 8, 11, 13, random.nextInt(), 0, 1};
        long[] sectors = {0, 1, random.nextInt(200), random.nextLong(), Long.MAX_VALUE, -1};
        byte[] readable = new byte[random.nextInt(4) == 0 ? random.nextInt(40) : 16 + 16 * random.nextInt(80)];
        random.nextBytes(readable);
        if (readable.length >= 16) {
            ByteBuffer bytes = ByteBuffer.wrap(readable).order(ByteOrder.LITTLE_ENDIAN);
            bytes.putInt(0, types[random.nextInt(types.length)]).putLong(8, sectors[random.nextInt(sectors.length)]);
            if (readable.length >= 32 && random.nextBoolean()) {
                bytes.putLong(16, random.nextInt(200))
                        .putInt(24, random.nextInt(200))
                        .putInt(28, random.nextInt(3));
            }
        }
        List<Buffer> buffers = new ArrayList<>();
        for (int at = 0; at < readable.length; ) {
            int n = buffers.size() > 10 ? readable.length - at : 1 + random.nextInt(readable.length - at);
            buffers.add(queue.readable(Arrays.copyOfRange(readable, at, at + n)));
            at += n;
        }
        int writable = 1 + random.nextInt(10);
        for (int i = 0; i < writable; i++) {
            buffers.add(queue.writable(random.nextBoolean() ? 512 : 1 + random.nextInt(1024)));
        }
        Completion done = queue.perform(buffers.toArray(Buffer[]::new));
        return done;
    }

    @Test
    void ringsAreRefusedWithOneLine() {
        assertThatThrownBy(() -> new IoUring(1 << 20)).isInstanceOf(VmmException.class);
    }
}
