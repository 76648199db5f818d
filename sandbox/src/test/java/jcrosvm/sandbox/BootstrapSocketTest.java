package jcrosvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 120, unit = TimeUnit.SECONDS)
class BootstrapSocketTest {
    private static final int SHORT = 300;
    private static final int PLENTY = 60_000;

    private final List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.SEQPACKET);
    private final UnixSocket raw = pair.get(1);
    private final BootstrapSocket socket = new BootstrapSocket(pair.get(0), "the peer", SHORT);
    private final EventFd event = new EventFd();
    private final Random random = new Random();

    @AfterEach
    void close() {
        socket.close();
        raw.close();
        event.close();
    }

    private static int openDescriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return (int) all.count();
        }
    }

    private static byte[] packet(int header, int length) {
        byte[] bytes = new byte[4 + length];
        bytes[0] = (byte) header;
        bytes[1] = (byte) (header >>> 8);
        bytes[2] = (byte) (header >>> 16);
        bytes[3] = (byte) (header >>> 24);
        return bytes;
    }

    @Test
    void messagesOfAllSizesArriveAsTheyWereSent() throws Exception {
        int before = openDescriptors();
        try (BootstrapSocket other = new BootstrapSocket(raw, "the other", PLENTY)) {
            for (int length : new int[] {0, 1, 32 << 10, (32 << 10) + 1, 100_000, BootstrapSocket.MOST_BYTES}) {
                for (int count : new int[] {0, 1, 128, 129, 1000}) {
                    byte[] bytes = new byte[length];
                    random.nextBytes(bytes);
                    List<Fd> fds = Collections.nCopies(count, event.fd());
                    CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> other.send(bytes, fds));
                    try (BootstrapSocket.Message message = socket.receive(PLENTY)) {
                        assertThat(message.bytes()).isEqualTo(bytes);
                        assertThat(message.descriptors()).hasSize(count);
                    }
                    sent.get();
                }
            }
        }
        assertThat(openDescriptors()).isLessThanOrEqualTo(before);
    }

    @Test
    void whatIsTooLongIsNotSent() {
        assertThatThrownBy(() -> socket.send(new byte[BootstrapSocket.MOST_BYTES + 1], List.of()))
                .isInstanceOf(VmmException.class)
                .hasMessage("a message of 4194305 bytes and 0 descriptors is too long for the peer;"
                        + " at most 4194304 and 2048");
        assertThatThrownBy(() -> socket.send(new byte[0], Collections.nCopies(2049, event.fd())))
                .isInstanceOf(VmmException.class);
    }

    @Test
    void aMessageThatIsTooLongIsRefused() {
        CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> {
            byte[] part = packet(1, 32 << 10);
            for (int i = 0; i <= BootstrapSocket.MOST_BYTES / (32 << 10); i++) {
                raw.send(part);
            }
        });
        assertThatThrownBy(() -> socket.receive(PLENTY)).hasMessageContaining("more than 4194304 bytes");
        socket.close();
        sent.handle((done, error) -> true).join(); // it was cut short or not
    }

    @Test
    void tooManyDescriptorsAreRefusedAndClosed() throws Exception {
        int before = openDescriptors();
        CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> {
            for (int i = 0; i <= BootstrapSocket.MOST_DESCRIPTORS / 128; i++) {
                raw.send(packet(1, 0), Collections.nCopies(128, event.fd()));
            }
        });
        assertThatThrownBy(() -> socket.receive(PLENTY)).hasMessageContaining("2048 descriptors");
        sent.get();
        assertThat(openDescriptors()).isLessThanOrEqualTo(before);
    }

    @Test
    void aPacketThatIsNoPartOfAMessageIsRefused() {
        for (byte[] bytes :
                List.of(new byte[1], new byte[3], packet(2, 5), packet(-1, 0), packet(1, 0), new byte[40_000])) {
            raw.send(bytes);
            assertThatThrownBy(() -> socket.receive(PLENTY))
                    .isInstanceOf(VmmException.class)
                    .hasMessageStartingWith("the peer sent a packet ");
        }
    }

    @Test
    void theEndIsSeenBetweenMessagesAndWithinThem() {
        raw.send(packet(1, 5));
        raw.close();
        assertThatThrownBy(() -> socket.receive(PLENTY)).hasMessage("the peer has closed the socket within a message");
        assertThat(socket.receive(PLENTY)).isNull();
        assertThatThrownBy(() -> socket.send(new byte[1], List.of())).hasMessage("the peer is gone");
    }

    @Test
    void nothingIsWaitedForWithoutEnd() {
        assertThatThrownBy(() -> socket.receive(50)).hasMessage("the peer has sent nothing within 50 ms");
        raw.send(packet(1, 5));
        assertThatThrownBy(() -> socket.receive(PLENTY)).hasMessage("the peer has sent no whole message within 300 ms");
        assertThatThrownBy(() -> {
                    while (true) {
                        socket.send(new byte[30_000], List.of());
                    }
                })
                .hasMessage("the peer has not taken a message within 300 ms");
    }

    /** One that always sends a little more. */
    @Test
    void aMessageWithoutEndIsGivenUp() {
        CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> {
            try {
                while (true) {
                    raw.send(packet(1, 1));
                    Thread.sleep(1);
                }
            } catch (OsException | InterruptedException e) {
                // it was closed
            }
        });
        assertThatThrownBy(() -> socket.receive(PLENTY)).hasMessage("the peer has sent no whole message within 300 ms");
        socket.close();
        assertThat(sent).succeedsWithin(10, TimeUnit.SECONDS);
    }

    @Test
    void anyPacketsAreMessagesOrRefused() throws Exception {
        long seed = random.nextLong();
        Random of = new Random(seed);
        int before = openDescriptors();
        int messages = 0;
        for (int round = 0; round < 300; round++) {
            List<UnixSocket> ends = UnixSocket.pair(UnixSocket.Type.SEQPACKET);
            try (UnixSocket hostile = ends.get(1);
                    BootstrapSocket victim = new BootstrapSocket(ends.get(0), "the peer", SHORT)) {
                int packets = of.nextInt(6);
                for (int i = 0; i < packets; i++) {
                    byte[] bytes =
                            of.nextInt(4) == 0 ? new byte[1 + of.nextInt(200)] : packet(of.nextInt(3), of.nextInt(50));
                    if (of.nextInt(4) == 0) {
                        of.nextBytes(bytes);
                    }
                    hostile.send(bytes, Collections.nCopies(of.nextInt(4), event.fd()));
                }
                hostile.close();
                BootstrapSocket.Message message = victim.receive(PLENTY);
                while (message != null) {
                    messages++;
                    message.close();
                    message = victim.receive(PLENTY);
                }
            } catch (VmmException e) {
                assertThat(e).as("seed %d", seed).hasMessageStartingWith("the peer ");
            }
        }
        assertThat(messages).as("seed %d", seed).isPositive();
        assertThat(openDescriptors()).as("seed %d", seed).isLessThanOrEqualTo(before);
    }
}
