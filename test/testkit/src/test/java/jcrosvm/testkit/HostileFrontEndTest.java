package jcrosvm.testkit;

import static jcrosvm.vhostuser.FrontEndRequest.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.SharedMemory;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.testkit.WireClient.WireRing;
import jcrosvm.vhostuser.FrontEndRequest;
import jcrosvm.vhostuser.Payload;
import jcrosvm.vhostuser.Payload.Region;
import jcrosvm.vhostuser.Payload.U64;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A front end that breaks the rules loses its connection, with one line; nothing else is harmed, and nothing leaks. */
class HostileFrontEndTest {
    private static final long VERSION_1 = VirtioFeatures.VIRTIO_F_VERSION_1;
    private static final int NEED_REPLY = 8;

    private final EchoDevice device = new EchoDevice(EchoDevice.Order.LATE, List.of(16, 8), 0);
    private int before;

    @BeforeEach
    void count() {
        Quiet.please();
        try (WireClient first = new WireClient(device)) {
            serves(first);
        }
        before = WireClient.openDescriptors();
    }

    @AfterEach
    void nothingLeaksAndTheNextClientIsServed() {
        assertThat(WireClient.openDescriptors()).isEqualTo(before);
        try (WireClient next = new WireClient(device)) {
            serves(next);
        }
        if (!(device.unexpected() instanceof InternalError)) { // which tells of memory that was cut short
            assertThat(device.unexpected()).isNull();
        }
        device.close();
    }

    private static void serves(WireClient client) {
        client.begin(VERSION_1);
        WireRing ring = client.ring(0, 8, VERSION_1);
        ring.start();
        ring.echo("served");
    }

    /** The line that ends the connection of a client that does this. */
    private String end(Consumer<WireClient> deed) {
        try (WireClient client = new WireClient(device)) {
            deed.accept(client);
            String line = client.end();
            assertThat(line).startsWith("the front end ").doesNotContain("\n").doesNotContain("Exception");
            return line;
        }
    }

    private static byte[] message(int request, int flags, byte... payload) {
        return ByteBuffer.allocate(12 + payload.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(request)
                .putInt(flags)
                .putInt(payload.length)
                .put(payload)
                .array();
    }

    @Test
    void hangUpsInTheMiddleOfAMessage() {
        byte[] whole = message(SET_FEATURES.number(), 1, new byte[8]);
        for (int length = 1; length < whole.length; length++) {
            int part = length;
            assertThat(end(client -> {
                        client.socket.send(java.util.Arrays.copyOf(whole, part));
                        client.connection.close();
                    }))
                    .isEqualTo("the front end has closed the connection within a message");
        }
    }

    @Test
    void hangUpInTheMiddleOfADescriptorsMessageClosesIt() {
        assertThat(end(client -> {
                    try (EventFd event = new EventFd()) {
                        client.socket.send(
                                java.util.Arrays.copyOf(message(SET_VRING_KICK.number(), 1, new byte[8]), 12),
                                List.of(event.fd()));
                    }
                    client.connection.close();
                }))
                .contains("within a message");
    }

    @Test
    void unknownMessagesVersionsAndSizes() {
        assertThat(end(client -> client.socket.send(message(99, 1)))).contains("message 99");
        assertThat(end(client -> client.socket.send(message(1, 2)))).contains("does not speak vhost-user");
        assertThat(end(client -> client.socket.send(message(1, 5)))).contains("was not asked");
        assertThat(end(client -> client.socket.send(message(1, 1, new byte[5]))))
                .contains("too many");
        assertThat(end(client -> client.socket.send(message(2, 1, new byte[7]))))
                .contains("too few");
        byte[] huge = message(2, 1);
        huge[11] = 0x7f;
        assertThat(end(client -> client.socket.send(huge))).contains("does not speak vhost-user");
        assertThat(end(client -> client.socket.send(
                        "GET / HTTP/1.1\r\n\r\n".getBytes(java.nio.charset.StandardCharsets.US_ASCII))))
                .contains("does not speak vhost-user");
    }

    @Test
    void ringsThatAreNotThere() {
        assertThat(end(client -> client.tell(SET_VRING_NUM, 255, 8))).contains("there is no ring 255");
        assertThat(end(client -> client.tell(SET_VRING_NUM, -1, 8))).contains("there is no ring 4294967295");
        assertThat(end(client -> client.tell(SET_VRING_CALL, 2 | U64.NO_DESCRIPTOR)))
                .contains("there is no ring 2");
        assertThat(end(client -> client.tell(GET_VRING_BASE, 7, 0))).contains("GET_VRING_BASE");
        assertThat(end(client -> client.connection.tell(SET_VRING_ADDR, new Payload.VringAddress(9, 0, 0, 0, 0, 0))))
                .contains("there is no ring 9");
    }

    @Test
    void sizesThatCannotBe() {
        for (int size : new int[] {0, -1, 32769, 65536, Integer.MIN_VALUE}) {
            assertThat(end(client -> client.tell(SET_VRING_NUM, 0, size))).contains("has 1 to 32768");
        }
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.errorEvent();
            client.tell(SET_VRING_NUM, 0, 3); // a packed ring may have that
            ring.addresses();
            ring.kickEvent();
            ring.enable(true);
            assertThat(ring.hasError()).isTrue();
            assertThat(client.ask(GET_STATUS) & 0x40).isNotZero();
        }
    }

    @Test
    void featuresThatWereNotOffered() {
        assertThat(end(client -> client.tell(SET_FEATURES, 1L << 63))).contains("not offered");
        assertThat(end(client -> client.tell(SET_FEATURES, 1L << 33))).contains("not offered");
        assertThat(end(client -> client.tell(SET_PROTOCOL_FEATURES, 1L << 8))).contains("not offered");
        assertThat(end(client -> client.tell(GET_INFLIGHT_FD, 0))).isNotEmpty();
    }

    @Test
    void descriptorsThatAreMissing() {
        assertThat(end(client -> client.tell(SET_VRING_KICK, 0))).contains("0 descriptors");
        assertThat(end(client -> client.tell(SET_VRING_KICK, U64.NO_DESCRIPTOR)))
                .contains("without a kick");
        assertThat(end(client -> client.connection.tell(SET_BACKEND_REQ_FD, Payload.EMPTY)))
                .contains("no descriptor");
        assertThat(end(client -> client.connection.tell(SET_LOG_BASE, new Payload.Log(8, 0))))
                .contains("no descriptor");
        assertThat(end(client ->
                        client.connection.tell(SET_MEM_TABLE, new Payload.MemoryTable(List.of(client.region())))))
                .contains("1 memory regions came with 0 descriptors");
        assertThat(end(client -> {
                    try (EventFd event = new EventFd()) {
                        client.tell(SET_VRING_CALL, U64.NO_DESCRIPTOR, event.fd());
                    }
                }))
                .contains("1 descriptors");
    }

    @Test
    void memoryThatCannotBe() {
        long size = WireClient.SIZE;
        long user = WireClient.USER;
        refusedTable(new Region(0, size * 2, user, 0));
        refusedTable(new Region(0, size, user, 4096));
        refusedTable(new Region(0, size, user, -4096));
        refusedTable(new Region(100, 4096, user, 0));
        refusedTable(new Region(0, 100, user, 0));
        refusedTable(new Region(0, 0, user, 0));
        refusedTable(new Region(0, -4096, user, 0));
        refusedTable(new Region(-4096, 8192, user, 0));
        refusedTable(new Region(Long.MAX_VALUE & -4096, 8192, user, 0));
        refusedTable(new Region(0, 8192, -4096, 0));
        refusedTable(new Region(0, Long.MAX_VALUE & -4096, user, 0));
        refusedTable(new Region(0, 8192, user, 0), new Region(4096, 8192, user + 65536, 0));
        refusedTable(new Region(0, 8192, user, 0), new Region(65536, 8192, user + 4096, 0));
    }

    /** With and without an acknowledgement; a refusal leaves what was. */
    private void refusedTable(Region... regions) {
        Payload table = new Payload.MemoryTable(List.of(regions));
        assertThat(end(client -> client.connection.tell(SET_MEM_TABLE, table, files(client, regions.length))))
                .contains("SET_MEM_TABLE that cannot be carried out");
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            assertThatThrownBy(
                            () -> client.connection.acknowledged(SET_MEM_TABLE, table, files(client, regions.length)))
                    .isInstanceOf(ProtocolException.class);
            ring.echo("as before");
        }
    }

    private static Fd[] files(WireClient client, int count) {
        Fd[] files = new Fd[count];
        java.util.Arrays.fill(files, client.file());
        return files;
    }

    @Test
    void memoryThatIsCutShort(@TempDir Path folder) {
        for (boolean isRunning : new boolean[] {true, false}) {
            try (WireClient client = new WireClient(device);
                    Fd file = Fd.open(folder.resolve("ram"), Fd.O_CREAT | Fd.O_RDWR, 0600)) {
                file.truncate(WireClient.SIZE);
                client.begin(VERSION_1);
                client.connection.tell(SET_MEM_TABLE, new Payload.MemoryTable(List.of(client.region())), file);
                WireRing ring = client.ring(0, 8, VERSION_1);
                if (isRunning) {
                    ring.start();
                    client.settle();
                    file.truncate(0);
                    ring.kick.signal();
                } else {
                    client.settle();
                    file.truncate(0);
                    ring.start();
                }
                assertThat(ring.hasError()).isTrue();
                client.connection.acknowledged(
                        SET_MEM_TABLE, new Payload.MemoryTable(List.of(client.region())), client.file());
                ring.stop();
                ring.kickEvent();
                ring.echo("whole again");
            }
        }
    }

    @Test
    void moreRegionsThanSlots() {
        assertThat(end(client -> {
                    for (int i = 0; i < 33; i++) {
                        client.connection.tell(
                                ADD_MEM_REG,
                                new Payload.MemoryRegionMessage(
                                        new Region(i * 4096L, 4096, WireClient.USER + i * 4096L, 0)),
                                client.file());
                    }
                }))
                .contains("one more than 32");
    }

    @Test
    void notesOfRequestsThatCannotBe() {
        for (Payload.Inflight asked : List.of(
                new Payload.Inflight(0, 0, 0, 16),
                new Payload.Inflight(0, 0, 3, 16),
                new Payload.Inflight(0, 0, 65535, 1))) {
            assertThat(end(client -> client.connection.tell(GET_INFLIGHT_FD, asked)))
                    .contains("the device has no");
        }
        for (int size : new int[] {0, 32769, 65535}) {
            assertThat(end(client -> client.connection.tell(GET_INFLIGHT_FD, new Payload.Inflight(0, 0, 1, size))))
                    .contains("a queue of " + size + " entries");
        }
        try (SharedMemory file = SharedMemory.create("notes", 8192)) {
            for (Payload.Inflight kept : List.of(
                    new Payload.Inflight(100, 0, 1, 16),
                    new Payload.Inflight(8193, 0, 1, 16),
                    new Payload.Inflight(-1, 0, 1, 16),
                    new Payload.Inflight(8192, 4096, 1, 16),
                    new Payload.Inflight(4096, 64, 1, 16),
                    new Payload.Inflight(4096, -4096, 1, 16),
                    new Payload.Inflight(4096, Long.MAX_VALUE & -4096, 1, 16),
                    new Payload.Inflight(8192, 0, 2, 32768))) {
                assertThat(end(client -> client.connection.tell(SET_INFLIGHT_FD, kept, file.fd())))
                        .as(kept.toString())
                        .contains("0x");
            }
        }
        assertThat(end(client -> client.connection.tell(SET_INFLIGHT_FD, new Payload.Inflight(4096, 0, 1, 16))))
                .contains("no descriptor");
    }

    /** A file that is cut short while the ring notes in it. */
    @Test
    void notesWhoseFileIsCutShort(@TempDir Path folder) throws Exception {
        Path path = folder.resolve("notes");
        Files.write(path, new byte[8192]);
        try (WireClient client = new WireClient(device);
                Fd file = Fd.open(path, Fd.O_RDWR)) {
            client.begin(VERSION_1);
            client.connection.tell(SET_INFLIGHT_FD, new Payload.Inflight(8192, 0, 2, 16), file);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            ring.echo("before");
            file.truncate(0);
            ring.submit("after");
            ring.kick.signal();
            assertThat(ring.hasError()).isTrue();
        }
    }

    /** Any descriptor in any place: at most the connection is lost. */
    @Test
    void descriptorsOfTheWrongKind(@TempDir Path folder) throws Exception {
        Files.writeString(folder.resolve("file"), "0123456789abcdef");
        List<Fd> kinds = new ArrayList<>();
        kinds.add(Fd.open(folder.resolve("file"), Fd.O_RDWR));
        kinds.add(Fd.open(folder.resolve("file"), Fd.O_RDONLY));
        kinds.add(Fd.open(folder.resolve("file"), Fd.O_PATH));
        kinds.add(Fd.open(folder, Fd.O_RDONLY));
        kinds.add(Fd.open(Path.of("/dev/zero"), Fd.O_RDWR));
        kinds.add(Fd.open(Path.of("/dev/full"), Fd.O_RDWR));
        List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.STREAM);
        pair.getLast().close();
        kinds.add(pair.getFirst().fd());
        for (Fd kind : kinds) {
            for (FrontEndRequest request :
                    List.of(SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, SET_LOG_FD, SET_BACKEND_REQ_FD)) {
                strange(request, kind);
            }
            end(client -> client.connection.tell(
                    SET_MEM_TABLE, new Payload.MemoryTable(List.of(new Region(0, 4096, 0, 0))), kind));
            end(client -> client.connection.tell(SET_INFLIGHT_FD, new Payload.Inflight(4096, 0, 1, 16), kind));
            end(client -> client.connection.tell(SET_LOG_BASE, new Payload.Log(4096, 0), kind));
            try (WireClient client = new WireClient(device)) {
                for (int direction = 0; direction < 2; direction++) {
                    client.connection.ask(
                            U64.class, SET_DEVICE_STATE_FD, new Payload.StateTransfer(direction, 0), kind);
                    if (direction == 0) {
                        client.ask(CHECK_DEVICE_STATE);
                    }
                }
            }
        }
        kinds.forEach(Fd::close);
    }

    private void strange(FrontEndRequest request, Fd kind) {
        try (WireClient client = new WireClient(device)) {
            client.begin(VERSION_1);
            WireRing ring = client.ring(0, 8, VERSION_1);
            ring.start();
            client.connection.tell(
                    request, request.payload() == jcrosvm.vhostuser.PayloadKind.EMPTY ? Payload.EMPTY : U64.ZERO, kind);
            ring.submit("hello");
            ring.kick.signal();
            try {
                client.connection.tell(SET_FEATURES, new U64(VERSION_1 | 1L << 30 | 1L << 26));
            } catch (ProtocolException e) {
                // The server has ended the connection because of the descriptor already.
            }
            client.connection.close();
            assertThat(client.end()).doesNotContain("Exception");
        }
    }

    @Test
    void aStateThatNeverEndsAndOneThatIsTooLong() {
        assertThat(end(client -> {
                    List<UnixSocket> pipe = UnixSocket.pair(UnixSocket.Type.STREAM);
                    client.connection.ask(
                            U64.class,
                            SET_DEVICE_STATE_FD,
                            new Payload.StateTransfer(Payload.StateTransfer.LOAD, 0),
                            pipe.getLast().fd());
                    client.socket.send(message(77, 1)); // the session ends while the transfer waits
                    client.end();
                    pipe.forEach(UnixSocket::close);
                }))
                .contains("message 77");
        try (WireClient client = new WireClient(device);
                Fd zeros = Fd.open(Path.of("/dev/zero"), Fd.O_RDONLY)) {
            client.connection.ask(
                    U64.class, SET_DEVICE_STATE_FD, new Payload.StateTransfer(Payload.StateTransfer.LOAD, 0), zeros);
            assertThat(client.ask(CHECK_DEVICE_STATE)).isNotZero();
        }
    }

    @Test
    void aFloodOfRequestsAndAPeerThatReadsNoAnswers() {
        try (WireClient client = new WireClient(device)) {
            serves(client);
            for (int i = 0; i < 20_000; i++) {
                client.tell(SET_VRING_ENABLE, 0, i & 1);
            }
            client.settle();
        }
        try (WireClient client = new WireClient(device)) {
            try {
                for (int i = 0; i < 1_000_000; i++) {
                    client.socket.send(message(GET_FEATURES.number(), 1));
                }
            } catch (jcrosvm.base.OsException e) {
                // no room for more: the server waits for a reader, and hears that there will be none
            }
        }
    }

    @Test
    void randomBytes() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int round = 0; round < 300; round++) {
            try (WireClient client = new WireClient(device)) {
                byte[] bytes = new byte[1 + random.nextInt(200)];
                random.nextBytes(bytes);
                if (random.nextBoolean() && bytes.length > 12) {
                    ByteBuffer.wrap(bytes)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putInt(1 + random.nextInt(44))
                            .putInt(1 | random.nextInt(4) << 2)
                            .putInt(bytes.length - 12);
                }
                client.socket.send(bytes);
                client.connection.close();
                assertThat(client.end()).as("seed " + seed).doesNotContain("Exception");
            } catch (jcrosvm.base.OsException e) {
                throw new AssertionError("seed " + seed, e);
            }
        }
    }

    /** Messages that look right, in any order, with values that are mostly near the right ones. */
    @Test
    void randomMessages() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        for (int round = 0; round < 300; round++) {
            try (WireClient client = new WireClient(device);
                    EventFd event = new EventFd();
                    SharedMemory log = SharedMemory.create("log", 4096)) {
                client.begin(VERSION_1);
                WireRing ring = client.ring(0, 8, VERSION_1);
                if (random.nextBoolean()) {
                    ring.start();
                }
                try {
                    for (int i = 0; i < 60; i++) {
                        send(client, random, List.of(event.fd(), client.file(), log.fd()), ring);
                    }
                } catch (jcrosvm.base.OsException e) {
                    // the server has closed the connection
                }
                client.connection.close();
                assertThat(client.end()).as("seed " + seed).doesNotContain("Exception");
            }
        }
    }

    private static void send(WireClient client, Random random, List<Fd> files, WireRing ring) {
        FrontEndRequest[] requests = FrontEndRequest.values();
        FrontEndRequest request = requests[random.nextInt(requests.length)];
        int flags = 1 | (random.nextInt(4) == 0 ? 0 : NEED_REPLY);
        ByteBuffer payload = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);
        switch (request.payload()) {
            case EMPTY -> {}
            case U64 ->
                payload.putLong(random.nextInt(3) == 0 ? value(random) : random.nextInt(2) | VERSION_1 | 1L << 30);
            case VRING_STATE -> payload.putInt(index(random)).putInt(random.nextInt(10));
            case VRING_ADDRESS ->
                payload.putInt(index(random))
                        .putInt(random.nextInt(2))
                        .putLong(near(random, WireClient.USER + ring.layout.descriptors()))
                        .putLong(near(random, WireClient.USER + ring.layout.device()))
                        .putLong(near(random, WireClient.USER + ring.layout.driver()))
                        .putLong(0);
            case MEMORY_TABLE -> {
                payload.putInt(1).putInt(0);
                region(payload, random);
            }
            case MEMORY_REGION -> region(payload.putLong(0), random);
            case CONFIG ->
                payload.putInt(random.nextInt(64)).putInt(4).putInt(0).putInt(0);
            case INFLIGHT ->
                payload.putLong(4096).putLong(0).putShort((short) 2).putShort((short) 8);
            case LOG -> payload.putLong(near(random, 128)).putLong(near(random, 0));
            case STATE_TRANSFER -> payload.putInt(random.nextInt(2)).putInt(random.nextInt(8) / 7);
        }
        byte[] bytes = new byte[payload.position()];
        payload.flip().get(bytes);
        boolean withFile = request.descriptors() > 0 && random.nextInt(8) != 0;
        Fd file = request == SET_MEM_TABLE || request == ADD_MEM_REG ? files.get(1) : files.get(random.nextInt(3));
        if (request == CHECK_DEVICE_STATE || request == SET_DEVICE_STATE_FD) {
            file = files.getLast(); // which is read to its end, so that a check does not wait
        }
        client.socket.send(message(request.number(), flags, bytes), withFile ? List.of(file) : List.of(), 1000);
        ring.kick.signal();
    }

    private static void region(ByteBuffer payload, Random random) {
        payload.putLong(near(random, 0))
                .putLong(near(random, WireClient.SIZE))
                .putLong(near(random, WireClient.USER))
                .putLong(near(random, 0));
    }

    private static int index(Random random) {
        return random.nextInt(16) == 0 ? random.nextInt() : random.nextInt(2);
    }

    private static long near(Random random, long value) {
        return switch (random.nextInt(12)) {
            case 0 -> value + random.nextInt(16);
            case 1 -> value - 4096;
            case 2 -> value(random);
            default -> value;
        };
    }

    private static long value(Random random) {
        return random.nextLong() >> random.nextInt(64);
    }
}
