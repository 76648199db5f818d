package jcrosvm.devices.net;

import static jcrosvm.devices.net.NetSpec.*;
import static jcrosvm.network.Offloads.*;
import static jcrosvm.virtio.VirtioFeatures.RINGS;
import static jcrosvm.virtio.VirtioFeatures.VIRTIO_F_EVENT_IDX;
import static jcrosvm.virtio.VirtioFeatures.VIRTIO_F_RING_PACKED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.config.ConfigException;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.network.user.UserNetwork;
import jcrosvm.network.user.UserNetworkConfig;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.testkit.MockQueue.Completion;
import jcrosvm.virtio.ControlVerb;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@ParameterizedClass
@EnumSource(MockDriver.Host.class)
class NetDeviceTest {
    private static final MacAddress MAC = MacAddress.parse("02:00:00:00:00:07");
    private static final long OFFLOADS = GUEST_OFFLOADS | HOST_OFFLOADS;

    private final MockDriver.Host host;

    NetDeviceTest(MockDriver.Host host) {
        this.host = host;
    }

    private static NetDevice device(Wire... wires) {
        return new NetDevice("net0", List.of(wires), MAC, 1400, VIRTIO_NET_F_MRG_RXBUF);
    }

    private static byte[] packet(Random random, int length) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    /** As the driver must see it: with the number of buffers, and without flags when it wants none. */
    private static byte[] seen(byte[] sent, int buffers, boolean checksums) {
        byte[] bytes = sent.clone();
        bytes[HEADER_NUM_BUFFERS] = (byte) buffers;
        bytes[HEADER_NUM_BUFFERS + 1] = (byte) (buffers >> 8);
        if (!checksums) {
            bytes[0] = 0;
            bytes[1] = 0;
        }
        return bytes;
    }

    /** What the driver finds in the buffers of completions that belong together. */
    private static byte[] content(MockQueue queue, List<Completion> parts) {
        ByteBuffer all = ByteBuffer.allocate(2 * MAX_PACKET);
        for (Completion part : parts) {
            int left = part.written();
            for (Buffer buffer : part.buffers()) {
                int n = Math.min(left, buffer.length());
                all.put(queue.content(buffer), 0, n);
                left -= n;
            }
            assertThat(left).isZero();
        }
        return Arrays.copyOf(all.array(), all.position());
    }

    private static int buffers(MockQueue queue, Completion first) {
        byte[] header = content(queue, List.of(first));
        return header[HEADER_NUM_BUFFERS] & 0xff | (header[HEADER_NUM_BUFFERS + 1] & 0xff) << 8;
    }

    @Test
    void tellsWhatItIs() {
        Wire wire = new Wire(OFFLOADS);
        try (MockDriver driver = new MockDriver(host, device(wire), RINGS)) {
            ByteBuffer config = ByteBuffer.wrap(driver.config()).order(ByteOrder.LITTLE_ENDIAN);
            byte[] mac = new byte[6];
            config.get(mac);
            assertThat(mac).containsExactly(2, 0, 0, 0, 0, 7);
            assertThat(config.getShort()).isEqualTo((short) 1);
            assertThat(config.getShort()).isEqualTo((short) 1);
            assertThat(config.getShort()).isEqualTo((short) 1400);
            long features = driver.device().traits().features();
            assertThat(features & OFFLOADS).isEqualTo(OFFLOADS);
            assertThat(features & VIRTIO_NET_F_MQ).isZero();
            assertThat(driver.device().traits().queueSizes()).hasSize(3);
        }
    }

    @Test
    void offersWhatTheBackendCan() {
        try (NetDevice device = device(new Wire(VIRTIO_NET_F_CSUM))) {
            assertThat(device.traits().features() & OFFLOADS).isEqualTo(VIRTIO_NET_F_CSUM);
        }
    }

    @Test
    void sendsPacketsInOneAndInManyPieces() {
        Wire wire = new Wire(OFFLOADS);
        Random random = new Random(1);
        try (MockDriver driver = new MockDriver(host, device(wire), RINGS)) {
            MockQueue queue = driver.start(1, 64);
            byte[] one = packet(random, 1500);
            assertThat(queue.perform(queue.readable(one)).written()).isZero();
            assertThat(wire.take()).isEqualTo(one);
            byte[] many = packet(random, 60_000);
            Buffer[] pieces = new Buffer[20];
            for (int i = 0; i < pieces.length; i++) {
                pieces[i] = queue.readable(Arrays.copyOfRange(many, i * 3000, (i + 1) * 3000));
            }
            queue.perform(pieces);
            assertThat(wire.take()).isEqualTo(many);
        }
    }

    @Test
    void dropsWhatIsNoPacket() {
        Wire wire = new Wire(OFFLOADS);
        try (MockDriver driver = new MockDriver(host, device(wire), RINGS)) {
            MockQueue queue = driver.start(1, 64);
            assertThat(queue.perform(queue.readable(new byte[5])).written()).isZero();
            assertThat(queue.perform(queue.readable(new byte[12])).written()).isZero();
            assertThat(queue.perform(queue.writable(100)).written()).isZero();
            assertThat(queue.perform(queue.readable(new byte[MAX_PACKET + 1])).written())
                    .isZero();
            assertThat(wire.isEmpty()).isTrue();
            byte[] good = packet(new Random(2), 13);
            queue.perform(queue.readable(good));
            assertThat(wire.take()).isEqualTo(good);
            assertThat(driver.failed()).isFalse();
        }
    }

    @Test
    void waitsForRoomOnTheCable() {
        Wire wire = new Wire(0);
        Random random = new Random(3);
        try (MockDriver driver = new MockDriver(host, device(wire), RINGS)) {
            MockQueue queue = driver.start(1, 128);
            List<byte[]> sent = new ArrayList<>();
            for (int i = 0; i < 128; i++) {
                byte[] bytes = packet(random, 20_000);
                sent.add(bytes);
                queue.submit(queue.readable(bytes));
            }
            queue.kick();
            int done = queue.await().size();
            assertThat(done).isLessThan(128); // 2.5 MB do not fit into a socket
            for (byte[] bytes : sent) {
                assertThat(wire.take()).isEqualTo(bytes);
            }
            while (done < 128) {
                done += queue.await().size();
            }
        }
    }

    @Test
    void receivesIntoOneBuffer() {
        Wire wire = new Wire(OFFLOADS);
        Random random = new Random(4);
        try (MockDriver driver = new MockDriver(host, device(wire), RINGS | VIRTIO_NET_F_GUEST_CSUM)) {
            MockQueue queue = driver.start(0, 64);
            byte[] small = packet(random, 200);
            byte[] large = packet(random, 1512);
            byte[] tooLarge = packet(random, 1513);
            byte[] last = packet(random, 14);
            for (int i = 0; i < 3; i++) {
                queue.submit(queue.writable(12), queue.writable(1000), queue.writable(500));
            }
            queue.kick();
            wire.give(small);
            wire.give(large);
            wire.give(tooLarge);
            wire.give(last);
            List<Completion> done = new ArrayList<>();
            while (done.size() < 3) {
                done.addAll(queue.await());
            }
            assertThat(content(queue, done.subList(0, 1))).isEqualTo(seen(small, 1, true));
            assertThat(content(queue, done.subList(1, 2))).isEqualTo(seen(large, 1, true));
            assertThat(content(queue, done.subList(2, 3))).isEqualTo(seen(last, 1, true));
        }
    }

    @Test
    void spreadsAPacketOverBuffersThatAreMerged() {
        Wire wire = new Wire(OFFLOADS);
        Random random = new Random(5);
        long features = RINGS | VIRTIO_NET_F_MRG_RXBUF;
        try (MockDriver driver = new MockDriver(host, device(wire), features)) {
            MockQueue queue = driver.start(0, 64);
            byte[] packet = packet(random, 5000);
            for (int i = 0; i < 3; i++) {
                queue.submit(queue.writable(1000));
            }
            queue.kick();
            wire.give(packet); // more than there is room for: it waits
            wire.give(packet);
            queue.submit(queue.writable(700), queue.writable(800));
            queue.kick();
            assertThat(queue.poll()).isEmpty();
            queue.submit(queue.writable(1000));
            queue.kick();
            List<Completion> done = new ArrayList<>(queue.await());
            assertThat(done).as("all at once").hasSize(5);
            assertThat(content(queue, done)).isEqualTo(seen(packet, 5, false));
            queue.submit(queue.writable(60_000));
            queue.kick();
            assertThat(content(queue, queue.await())).isEqualTo(seen(packet, 1, false));
        }
    }

    @Test
    void dropsAPacketThatNeverFits() {
        Wire wire = new Wire(OFFLOADS);
        Random random = new Random(6);
        try (MockDriver driver = new MockDriver(host, device(wire), RINGS | VIRTIO_NET_F_MRG_RXBUF)) {
            MockQueue queue = driver.start(0, 4);
            for (int i = 0; i < 4; i++) {
                queue.submit(queue.writable(100));
            }
            queue.kick();
            wire.give(packet(random, 500));
            byte[] good = packet(random, 350);
            wire.give(good);
            assertThat(content(queue, queue.await())).isEqualTo(seen(good, 4, false));
        }
    }

    /** Random traffic both ways, with stops and starts in between, arrives whole and in order. */
    @ParameterizedTest
    @CsvSource({
        "true,true,false,1",
        "true,false,false,2",
        "false,true,false,3",
        "false,false,false,4",
        "true,true,true,5",
        "true,false,true,6",
        "false,true,true,7",
        "false,false,true,8"
    })
    void carriesStreams(boolean mergeable, boolean eventIdx, boolean packed, long seed) {
        Random random = new Random(seed);
        Wire wire = new Wire(OFFLOADS);
        long features = (eventIdx ? RINGS : RINGS & ~VIRTIO_F_EVENT_IDX)
                | (mergeable ? VIRTIO_NET_F_MRG_RXBUF : 0)
                | (packed ? VIRTIO_F_RING_PACKED : 0)
                | OFFLOADS;
        try (MockDriver driver = new MockDriver(host, device(wire), features)) {
            MockQueue rx = driver.start(0, 64);
            MockQueue tx = driver.start(1, 32);
            ArrayDeque<Buffer[]> idle = new ArrayDeque<>();
            for (int i = 0; i < 20; i++) {
                int rest = mergeable ? 12 + random.nextInt(1800) : 9000;
                idle.add(new Buffer[] {rx.writable(12), rx.writable(rest)});
            }
            ArrayDeque<byte[]> toGuest = new ArrayDeque<>();
            ArrayDeque<byte[]> toHost = new ArrayDeque<>();
            Buffer[] txBuffers = new Buffer[16];
            Arrays.setAll(txBuffers, i -> tx.writable(9000));
            ArrayDeque<Integer> txIdle = new ArrayDeque<>();
            for (int i = 0; i < txBuffers.length; i++) {
                txIdle.add(i);
            }
            ArrayDeque<Completion> arrived = new ArrayDeque<>();
            int received = 0;
            for (int step = 0; step < 20_000 && received < 1500; step++) {
                switch (random.nextInt(6)) {
                    case 0, 1 -> {
                        while (!idle.isEmpty() && random.nextInt(4) != 0) {
                            rx.submit(idle.remove());
                        }
                        rx.kick();
                    }
                    case 2 -> {
                        if (toGuest.size() < 6) {
                            byte[] bytes = packet(random, 13 + random.nextInt(8900));
                            toGuest.add(bytes);
                            wire.give(bytes);
                        }
                    }
                    case 3 -> {
                        if (!txIdle.isEmpty() && toHost.size() < 10) {
                            Buffer room = txBuffers[txIdle.remove()];
                            byte[] bytes = packet(random, 13 + random.nextInt(8900));
                            driver.memory().write(room.address(), bytes);
                            int cut = 1 + random.nextInt(bytes.length - 1);
                            tx.submit(
                                    new Buffer(room.address(), cut, false),
                                    new Buffer(room.address() + cut, bytes.length - cut, false));
                            tx.kick();
                            toHost.add(bytes);
                        }
                    }
                    case 4 -> {
                        if (!toHost.isEmpty()) {
                            assertThat(wire.take()).isEqualTo(toHost.remove());
                            received++;
                        }
                    }
                    default -> {
                        if (random.nextInt(20) == 0) {
                            rx.stop();
                            tx.stop();
                            arrived.addAll(rx.poll());
                            rx.restart();
                            tx.restart();
                        }
                    }
                }
                for (Completion done : tx.poll()) {
                    for (int i = 0; i < txBuffers.length; i++) {
                        if (txBuffers[i].address() == done.buffers().getFirst().address()) {
                            txIdle.add(i);
                        }
                    }
                }
                arrived.addAll(rx.poll());
                while (!arrived.isEmpty() && arrived.size() >= buffers(rx, arrived.peek())) {
                    List<Completion> parts = new ArrayList<>();
                    int count = buffers(rx, arrived.peek());
                    for (int i = 0; i < count; i++) {
                        parts.add(arrived.remove());
                    }
                    byte[] got = content(rx, parts);
                    byte[] sent = toGuest.remove();
                    // A packet that waited for buffers when the queue was stopped is lost.
                    while (got.length != sent.length || !Arrays.equals(got, seen(sent, count, true))) {
                        assertThat(mergeable).isTrue();
                        sent = toGuest.remove();
                    }
                    received++;
                    parts.forEach(part -> idle.add(part.buffers().toArray(Buffer[]::new)));
                }
                assertThat(driver.failed()).isFalse();
            }
            assertThat(received).isGreaterThanOrEqualTo(1000);
        }
    }

    private static byte[] command(int group, int command, byte... data) {
        byte[] bytes = new byte[2 + data.length];
        bytes[0] = (byte) group;
        bytes[1] = (byte) command;
        System.arraycopy(data, 0, bytes, 2, data.length);
        return bytes;
    }

    private static int perform(MockQueue queue, byte[] command) {
        Completion done = queue.perform(queue.readable(command), queue.writable(1));
        assertThat(done.written()).isEqualTo(1);
        return queue.content(done.buffers().getLast())[0];
    }

    @Test
    void answersCommands() {
        Wire wire = new Wire(OFFLOADS);
        long features = RINGS | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_CTRL_VQ;
        try (MockDriver driver = new MockDriver(host, device(wire), features)) {
            assertThat(wire.guestOffloads).isEqualTo(VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4);
            MockQueue queue = driver.start(2, 16);
            // offloads
            assertThat(perform(queue, command(5, 0, new byte[] {2, 0, 0, 0, 0, 0, 0, 0})))
                    .isZero();
            assertThat(wire.guestOffloads).isEqualTo(VIRTIO_NET_F_GUEST_CSUM);
            assertThat(perform(queue, command(5, 0, new byte[] {2, 1, 0, 0, 0, 0, 0, 0})))
                    .as("TSO6 was not negotiated")
                    .isEqualTo(1);
            assertThat(perform(queue, command(5, 0, new byte[7]))).isEqualTo(1);
            assertThat(perform(queue, command(5, 1, new byte[8]))).isEqualTo(1);
            // what to receive
            for (int i = 0; i < 6; i++) {
                assertThat(perform(queue, command(0, i, (byte) 1))).isZero();
            }
            assertThat(perform(queue, command(0, 6, (byte) 1))).isEqualTo(1);
            assertThat(perform(queue, command(2, 0, (byte) 5, (byte) 0))).isZero();
            assertThat(perform(queue, command(2, 1, (byte) 5, (byte) 0))).isZero();
            assertThat(perform(queue, command(2, 0, (byte) 5))).isEqualTo(1);
            // addresses
            assertThat(perform(queue, command(1, 0, new byte[8]))).isZero();
            assertThat(perform(queue, command(1, 0, new byte[] {1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0})))
                    .isZero();
            assertThat(perform(queue, command(1, 0, new byte[] {9, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0})))
                    .isEqualTo(1);
            assertThat(perform(queue, command(1, 0, new byte[] {-1, -1, -1, -1, 0, 0, 0, 0})))
                    .isEqualTo(1);
            assertThat(perform(queue, command(1, 1, new byte[] {2, 1, 1, 1, 1, 1})))
                    .isZero();
            assertThat(driver.config()).startsWith(2, 1, 1, 1, 1, 1);
            assertThat(perform(queue, command(1, 1, new byte[] {1, 1, 1, 1, 1, 1})))
                    .as("a group's address")
                    .isEqualTo(1);
            // pairs, and what nobody knows
            assertThat(perform(queue, command(4, 0, (byte) 1, (byte) 0))).isZero();
            assertThat(perform(queue, command(4, 0, (byte) 2, (byte) 0))).isEqualTo(1);
            assertThat(perform(queue, command(4, 0, (byte) 0, (byte) 0))).isEqualTo(1);
            assertThat(perform(queue, command(4, 1, new byte[50]))).isEqualTo(1);
            assertThat(perform(queue, command(77, 0))).isEqualTo(1);
            assertThat(perform(queue, new byte[1])).isEqualTo(1);
            assertThat(queue.perform(queue.readable(command(0, 0, (byte) 1))).written())
                    .isZero();
            driver.device().stopQueue(2);
            driver.device().reset();
            assertThat(driver.config()).startsWith(2, 0, 0, 0, 0, 7);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void arbitraryCommandsAreAnswered(long seed) {
        Random random = new Random(seed);
        Wire wire = new Wire(OFFLOADS);
        try (MockDriver driver = new MockDriver(host, device(wire), RINGS | GUEST_OFFLOADS)) {
            MockQueue queue = driver.start(2, 16);
            for (int i = 0; i < 2000; i++) {
                byte[] bytes = packet(random, random.nextInt(24));
                if (bytes.length > 1) {
                    bytes[0] = (byte) random.nextInt(7);
                    bytes[1] = (byte) random.nextInt(3);
                }
                Buffer data = queue.readable(bytes);
                int cut = random.nextInt(bytes.length + 1);
                Completion done = queue.perform(
                        new Buffer(data.address(), cut, false),
                        new Buffer(data.address() + cut, bytes.length - cut, false),
                        queue.writable(1 + random.nextInt(3)));
                assertThat(done.written()).isEqualTo(1);
                assertThat((int) queue.content(done.buffers().getLast())[0]).isBetween(0, 1);
            }
            assertThat(driver.failed()).isFalse();
        }
    }

    @Test
    void severalPairs() throws Exception {
        Wire[] wires = {new Wire(0), new Wire(0), new Wire(0)};
        Random random = new Random(9);
        try (MockDriver driver = new MockDriver(host, device(wires), RINGS | VIRTIO_NET_F_MQ | VIRTIO_NET_F_CTRL_VQ)) {
            assertThat(driver.device().traits().queueSizes()).hasSize(7);
            MockQueue[] rx = new MockQueue[3];
            MockQueue[] tx = new MockQueue[3];
            for (int i = 0; i < 3; i++) {
                rx[i] = driver.start(2 * i, 16);
                tx[i] = driver.start(2 * i + 1, 16);
                rx[i].submit(rx[i].writable(2000));
                rx[i].kick();
            }
            MockQueue control = driver.start(6, 16);
            wires[2].give(packet(random, 100));
            wires[0].give(packet(random, 100));
            rx[0].await();
            assertThat(rx[2].poll()).as("a pair that is not in use").isEmpty();
            assertThat(perform(control, command(4, 0, (byte) 4, (byte) 0))).isEqualTo(1);
            assertThat(perform(control, command(4, 0, (byte) 3, (byte) 0))).isZero();
            rx[2].await();
            for (int i = 0; i < 3; i++) {
                byte[] bytes = packet(random, 60 + i);
                tx[i].perform(tx[i].readable(bytes));
                assertThat(wires[i].take()).isEqualTo(bytes);
            }
            assertThat(perform(control, command(4, 0, (byte) 1, (byte) 0))).isZero();
            driver.device().stopQueue(4); // behind what the command began
            assertThat(wires[2].attached).isFalse();
        }
    }

    /** Without VIRTIO_NET_F_MQ the third queue is the control queue, however many pairs there are (5.1.2). */
    @Test
    void driverOfOnePair() {
        Wire[] wires = {new Wire(0), new Wire(0)};
        try (MockDriver driver = new MockDriver(host, device(wires), RINGS | VIRTIO_NET_F_CTRL_VQ)) {
            MockQueue control = driver.start(2, 16);
            assertThat(perform(control, command(0, 0, (byte) 1))).isZero();
            assertThat(driver.device().stopQueue(4)).isNull();
        }
    }

    @Test
    void theLinkGoesDownAndUp() throws Exception {
        Wire wire = new Wire(0);
        Random random = new Random(10);
        try (MockDriver driver = new MockDriver(host, device(wire), RINGS)) {
            MockQueue rx = driver.start(0, 16);
            MockQueue tx = driver.start(1, 16);
            rx.submit(rx.writable(2000));
            rx.kick();
            plug(driver, false);
            assertThat(driver.configChanges().tryAcquire(20, TimeUnit.SECONDS)).isTrue();
            assertThat(driver.config()[CONFIG_STATUS]).isZero();
            tx.perform(tx.readable(packet(random, 100)));
            assertThat(wire.isEmpty()).isTrue();
            plug(driver, true);
            assertThat(driver.configChanges().tryAcquire(20, TimeUnit.SECONDS)).isTrue();
            assertThat(driver.config()[CONFIG_STATUS]).isEqualTo((byte) 1);
            byte[] bytes = packet(random, 100);
            tx.perform(tx.readable(bytes));
            assertThat(wire.take()).isEqualTo(bytes);
            wire.give(bytes);
            rx.await();
            wire.cut();
            assertThat(driver.configChanges().tryAcquire(20, TimeUnit.SECONDS)).isTrue();
            assertThat(driver.config()[CONFIG_STATUS]).isZero();
            tx.perform(tx.readable(bytes));
            plug(driver, true);
            assertThat(driver.config()[CONFIG_STATUS]).as("cut for ever").isZero();
            assertThat(driver.failed()).isFalse();
        }
    }

    @Test
    void networkOfOurOwnAnswers() {
        VmFacts facts = new VmFacts(1, 64 << 20);
        VirtioDevice device =
                DeviceModule.make(new NetModule(), NetConfig.user(UserNetworkConfig.defaults()), 0, facts);
        try (MockDriver driver =
                new MockDriver(host, device, RINGS | device.traits().features())) {
            MockQueue rx = driver.start(0, 16);
            MockQueue tx = driver.start(1, 16);
            for (int i = 0; i < 4; i++) {
                rx.submit(rx.writable(2000));
            }
            rx.kick();
            tx.perform(tx.readable(Frames.arpRequest(new byte[] {2, 0, 0, 0, 0, 1}, 0x0a00020f, 0x0a000202)));
            List<byte[]> answers = new ArrayList<>();
            while (answers.stream().noneMatch(frame -> Frames.arpReply(frame, 0x0a000202) != null)) {
                rx.await().forEach(done -> answers.add(content(rx, List.of(done))));
            }
        }
    }

    private static void plug(MockDriver driver, boolean in) {
        driver.device().command("NetCommand", JsonReader.parse("{\"Link\":{\"index\":0,\"up\":" + in + "}}"));
    }

    @Test
    void linkIsACommand() throws Exception {
        ControlVerb verb = new NetModule().verbs().getFirst();
        assertThat(verb.name()).isEqualTo("NetCommand");
        try (MockDriver driver = new MockDriver(host, device(new Wire(0)), RINGS)) {
            assertThat(verb.perform(
                                    JsonReader.parse("{\"Link\":{\"index\":0,\"up\":false}}"),
                                    Map.of(0, driver.device()))
                            .thenApply(JsonWriter::compact)
                            .toCompletableFuture()
                            .join())
                    .isEqualTo("\"Ok\"");
            assertThat(driver.config()[CONFIG_STATUS]).isZero();
            assertThatThrownBy(() -> verb.perform(
                            JsonReader.parse("{\"Link\":{\"index\":1,\"up\":false}}"), Map.of(0, driver.device())))
                    .isInstanceOf(OsException.class);
            assertThatThrownBy(() -> verb.perform(JsonReader.parse("{\"Link\":{}}"), Map.of(0, driver.device())))
                    .isInstanceOf(ConfigException.class);
        }
    }

    @Test
    void brokenReceiveBuffersNeedAReset() throws Exception {
        Wire wire = new Wire(0);
        try (MockDriver driver = new MockDriver(host, device(wire), RINGS)) {
            MockQueue rx = driver.start(0, 16);
            MockQueue tx = driver.start(1, 16);
            rx.submit(rx.writable(11));
            rx.kick();
            tx.perform(tx.readable(new byte[20])); // same worker: so the receive queue was looked at
            assertThat(driver.awaitFailure()).isTrue();
            wire.give(new byte[50]);
            assertThat(rx.poll()).isEmpty();
        } catch (AssertionError e) {
            assertThat(e).hasMessageContaining("the device failed"); // found while tx was waited for
        }
    }

    @Test
    void stateGoesOnElsewhere() {
        Wire wire = new Wire(OFFLOADS);
        Wire other = new Wire(OFFLOADS);
        long features = RINGS | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4;
        try (MockDriver driver = new MockDriver(host, device(wire), features);
                MockDriver second = new MockDriver(host, device(other), features)) {
            MockQueue control = driver.start(2, 16);
            perform(control, command(1, 1, new byte[] {2, 9, 9, 9, 9, 9}));
            perform(control, command(5, 0, new byte[] {2, 0, 0, 0, 0, 0, 0, 0}));
            control.stop();
            second.device().restoreState(driver.device().saveState());
            assertThat(second.config()).isEqualTo(driver.config());
            assertThat(other.guestOffloads).isEqualTo(VIRTIO_NET_F_GUEST_CSUM);
        }
    }

    @Test
    void aCableThatIsOutStaysOutElsewhere() {
        try (MockDriver driver = new MockDriver(host, device(new Wire(0)), RINGS);
                MockDriver second = new MockDriver(host, device(new Wire(0)), RINGS)) {
            plug(driver, false);
            byte[] state = driver.device().saveState();
            second.device().restoreState(state);
            assertThat(second.config()[CONFIG_STATUS]).isZero();
            assertThat(second.device().saveState()).isEqualTo(state);
            plug(second, true);
            assertThat(second.config()[CONFIG_STATUS]).isEqualTo((byte) 1);
            assertThatThrownBy(() -> second.device().restoreState(new byte[18]))
                    .isInstanceOf(VmmException.class)
                    .hasMessage(host.refusedState("a state of 18 bytes is not of a network device"));
            assertThat(second.config()[CONFIG_STATUS]).as("nothing has changed").isEqualTo((byte) 1);
        }
    }

    @Test
    void aNetworkOfOurOwnCannotBeSaved() {
        NetDevice device = new NetDevice(
                "net0", List.of(UserNetwork.open(UserNetworkConfig.defaults())), MAC, 1400, VIRTIO_NET_F_MRG_RXBUF);
        try (MockDriver driver = new MockDriver(host, device, RINGS)) {
            assertThat(driver.device().traits().unsavable()).isEqualTo("its connections end in this process");
            assertThatThrownBy(driver.device()::saveState).isInstanceOf(UnsupportedOperationException.class);
        }
    }
}
