package jcrosvm.vhostuser;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.vhostuser.ProtocolException.Cause;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** One end of a connection against raw bytes at the other. */
class ConnectionTest {
    private static final int TIMEOUT_MILLIS = 200;
    private static final int NEED_REPLY = 8;

    private final int before = descriptors();
    private final List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.STREAM);
    private final Connection connection = new Connection(pair.get(0), "the peer", TIMEOUT_MILLIS);
    private final UnixSocket peer = pair.get(1);

    @AfterEach
    void nothingLeaks() {
        connection.close();
        peer.close();
        assertThat(descriptors()).isEqualTo(before);
    }

    private static int descriptors() {
        String[] open = new File("/proc/self/fd").list();
        return open == null ? 0 : open.length;
    }

    private static byte[] bytes(int number, int flags, byte... payload) {
        return ByteBuffer.allocate(12 + payload.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(number)
                .putInt(flags)
                .putInt(payload.length)
                .put(payload)
                .array();
    }

    private static Payload sample(PayloadKind kind) {
        Payload.Region region = new Payload.Region(1L << 32, 2L << 20, 3L << 40, 4096);
        return switch (kind) {
            case EMPTY -> Payload.EMPTY;
            case U64 -> new Payload.U64(-2);
            case VRING_STATE -> new Payload.VringState(7, 0x80000001);
            case VRING_ADDRESS -> new Payload.VringAddress(1, 1, 2, 3, 4, 5);
            case MEMORY_TABLE -> new Payload.MemoryTable(Collections.nCopies(PayloadKind.MAX_REGIONS, region));
            case MEMORY_REGION -> new Payload.MemoryRegionMessage(region);
            case CONFIG -> new Payload.Config(4, 1, new byte[] {1, 2, 3});
            case INFLIGHT -> new Payload.Inflight(1 << 20, 4096, 4, 0xffff);
            case LOG -> new Payload.Log(1 << 20, 4096);
            case STATE_TRANSFER -> new Payload.StateTransfer(Payload.StateTransfer.LOAD, 0);
        };
    }

    @ParameterizedTest
    @EnumSource
    void payloadsComeBackAsTheyWent(PayloadKind kind) {
        byte[] bytes = PayloadKind.encode(sample(kind));
        assertThat(kind.decode(bytes)).usingRecursiveComparison().isEqualTo(sample(kind));
        for (int length = 0; length < bytes.length; length++) {
            byte[] cut = Arrays.copyOf(bytes, length);
            if (kind == PayloadKind.CONFIG && length == 0) {
                continue; // says that the backend failed
            }
            if (kind == PayloadKind.INFLIGHT && length == 20) { // without the padding of a C structure
                assertThat(kind.decode(cut)).isEqualTo(sample(kind));
                continue;
            }
            assertThatThrownBy(() -> kind.decode(cut)).isInstanceOf(ProtocolException.class);
        }
        byte[] longer = Arrays.copyOf(bytes, bytes.length + 1);
        assertThatThrownBy(() -> kind.decode(longer)).isInstanceOf(ProtocolException.class);
    }

    @Test
    void noBytesMakeThePayloadsThrowAnythingElse() {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        Random random = new Random(seed);
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = new byte[random.nextInt(300)];
            random.nextBytes(bytes);
            if (bytes.length > 8 && random.nextBoolean()) {
                Arrays.fill(bytes, 0, 8, (byte) 0);
                bytes[0] = (byte) random.nextInt(10);
            }
            for (PayloadKind kind : PayloadKind.values()) {
                try {
                    kind.decode(bytes);
                } catch (ProtocolException e) {
                    assertThat(e.why()).as("tests.seed=%d", seed).isEqualTo(Cause.BROKEN);
                }
            }
        }
    }

    @Test
    void aRequestArrivesInPieces() {
        byte[] request = bytes(FrontEndRequest.SET_VRING_KICK.number(), 1 | NEED_REPLY, new byte[8]);
        Thread.ofPlatform().daemon().start(() -> {
            try (EventFd kick = new EventFd()) {
                peer.send(Arrays.copyOf(request, 1), List.of(kick.fd()));
                for (int i = 1; i < request.length; i++) {
                    peer.send(Arrays.copyOfRange(request, i, i + 1));
                }
            }
        });
        try (Message message = connection.nextOfFrontEnd()) {
            assertThat(message).isNotNull();
            assertThat(message.request()).isEqualTo(FrontEndRequest.SET_VRING_KICK);
            assertThat(message.needsReply()).isTrue();
            assertThat(message.descriptors()).hasSize(1);
            connection.acknowledge(message, true);
        }
        UnixSocket.Message reply = peer.receive(100);
        assertThat(reply).isNotNull();
        assertThat(reply.data()).isEqualTo(bytes(FrontEndRequest.SET_VRING_KICK.number(), 5, new byte[8]));
    }

    @Test
    void theEndOfTheStreamIsNoMessage() {
        peer.close();
        assertThat(connection.nextOfFrontEnd()).isNull();
    }

    @Test
    void aPeerThatStopsWithinAMessageHasAnEnd() {
        peer.send(new byte[] {1, 0, 0});
        assertFails(connection::nextOfFrontEnd, Cause.TIMEOUT);
        assertFails(connection::nextOfFrontEnd, Cause.CLOSED);
    }

    @Test
    void aPeerThatDoesNotAnswerHasAnEnd() {
        assertFails(
                () -> connection.ask(Payload.U64.class, FrontEndRequest.GET_FEATURES, Payload.EMPTY), Cause.TIMEOUT);
    }

    @Test
    void aPeerThatTakesNothingHasAnEnd() {
        Payload config = new Payload.Config(0, 0, new byte[PayloadKind.MAX_CONFIG]);
        assertFails(
                () -> {
                    while (true) {
                        connection.tell(FrontEndRequest.SET_CONFIG, config);
                    }
                },
                Cause.TIMEOUT);
    }

    @Test
    void whatIsNoAnswerIsRefused() {
        for (byte[] answer : new byte[][] {
            bytes(2, 5, new byte[8]), // to another request
            bytes(1, 1, new byte[8]), // not an answer
            bytes(1, 5, new byte[7]), // too short
            bytes(1, 5, new byte[9]), // too long
            bytes(1, 6, new byte[8]), // of another version
            bytes(1, 5, new byte[5000]),
        }) {
            List<UnixSocket> ends = UnixSocket.pair(UnixSocket.Type.STREAM);
            try (Connection asking = new Connection(ends.get(0), "the peer", TIMEOUT_MILLIS);
                    UnixSocket answering = ends.get(1)) {
                answering.send(answer);
                assertFails(
                        () -> asking.ask(Payload.U64.class, FrontEndRequest.GET_FEATURES, Payload.EMPTY), Cause.BROKEN);
            }
        }
    }

    @Test
    void descriptorsThatShouldNotBeThereAreClosed() {
        try (EventFd event = new EventFd()) {
            peer.send(bytes(1, 1), List.of(event.fd(), event.fd()));
            assertFails(connection::nextOfFrontEnd, Cause.BROKEN);
        }
    }

    @Test
    void aFloodOfDescriptorsIsClosed() {
        try (EventFd event = new EventFd()) {
            List<Fd> many = Collections.nCopies(200, event.fd());
            peer.send(Arrays.copyOf(bytes(5, 1, new byte[8]), 6), many);
            peer.send(Arrays.copyOfRange(bytes(5, 1, new byte[8]), 6, 20), many);
            assertFails(connection::nextOfFrontEnd, Cause.BROKEN);
        }
    }

    @Test
    void arbitraryBytesEndTheConnectionAndNothingElse() {
        Random random = new Random(Long.getLong("tests.seed", System.nanoTime()));
        for (int i = 0; i < 300; i++) {
            List<UnixSocket> ends = UnixSocket.pair(UnixSocket.Type.STREAM);
            try (Connection reading = new Connection(ends.get(0), "the peer", 1);
                    UnixSocket writing = ends.get(1);
                    EventFd event = new EventFd()) {
                byte[] noise = new byte[1 + random.nextInt(100)];
                random.nextBytes(noise);
                if (noise.length >= 12 && random.nextBoolean()) {
                    System.arraycopy(bytes(random.nextInt(45), 1, new byte[random.nextInt(50)]), 0, noise, 0, 12);
                }
                List<Fd> fds = new ArrayList<>(Collections.nCopies(random.nextInt(4), event.fd()));
                writing.send(noise, fds);
                writing.close();
                try {
                    Message message;
                    do {
                        message = reading.nextOfFrontEnd();
                        if (message != null) {
                            message.close();
                        }
                    } while (message != null);
                } catch (ProtocolException e) {
                    assertThat(e.why()).isNotEqualTo(Cause.REFUSED);
                }
            }
        }
    }

    private static void assertFails(Runnable call, Cause why) {
        assertThatThrownBy(call::run)
                .isInstanceOfSatisfying(
                        ProtocolException.class, e -> assertThat(e.why()).isEqualTo(why))
                .hasMessageStartingWith(why == Cause.CLOSED ? "the connection to the peer" : "the peer ");
    }
}
