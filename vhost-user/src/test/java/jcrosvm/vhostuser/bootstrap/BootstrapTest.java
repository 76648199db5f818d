package jcrosvm.vhostuser.bootstrap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.RecordWriter;
import jcrosvm.config.Value;
import jcrosvm.sandbox.BootstrapSocket;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Answer;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Failed;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Half;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Ready;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.StartUp;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Verb;
import jcrosvm.virtio.VmFacts;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 120, unit = TimeUnit.SECONDS)
class BootstrapTest {
    private static final int PLENTY = 60_000;

    private static final Value BODY = JsonReader.parse("{\"MuteAll\":true}");

    private static final List<BootstrapMessage> ALL = List.of(
            new StartUp(17, "info,vmm=debug", null, false, false),
            new StartUp(17, "off", "tag", true, true),
            new Half("snd", 3, "[Card 3] ", new VmFacts(2, 1L << 40), BODY, "a.B", BODY, List.of("file0", "file1")),
            new Half("rng", 0, "", new VmFacts(1, 1), BODY, "a.B", BODY, List.of()),
            new Ready(25, -1, List.of(1024, 64), 16, ""),
            new Ready(2, 0, List.of(1), 0, "because"),
            new Failed("no"),
            new Verb(1, "SndCommand", BODY),
            new Answer(1, 0, Value.string("Ok")),
            new Answer(Long.MAX_VALUE, 95, null));

    private final List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.SEQPACKET);
    private final BootstrapSocket raw = new BootstrapSocket(pair.get(1), "the other");
    private final Bootstrap ours = new Bootstrap(new BootstrapSocket(pair.get(0), "the peer"), "the peer");
    private final Bootstrap theirs = new Bootstrap(raw, "the other");
    private final EventFd event = new EventFd();

    @AfterEach
    void close() {
        ours.close();
        theirs.close();
        event.close();
    }

    private static int openDescriptors() throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
            return (int) all.count();
        }
    }

    private static byte[] bytes(BootstrapMessage message) {
        return JsonWriter.compact(RecordWriter.write(message, BootstrapMessage.class))
                .getBytes(StandardCharsets.UTF_8);
    }

    private List<Fd> some(int count) {
        return Collections.nCopies(count, event.fd());
    }

    @Test
    void everyMessageArrivesAsItWasSent() {
        for (BootstrapMessage message : ALL) {
            theirs.send(message, some(message.descriptors()));
            try (Bootstrap.Received received = ours.receive(PLENTY)) {
                assertThat(bytes(received.message())).isEqualTo(bytes(message));
                assertThat(received.message()).hasSameClassAs(message);
                assertThat(received.descriptors()).hasSize(message.descriptors());
            }
        }
        theirs.close();
        assertThat(ours.receive(PLENTY)).isNull();
    }

    @Test
    void aWrongNumberOfDescriptorsIsRefusedAndTheyAreClosed() throws Exception {
        int before = openDescriptors();
        for (BootstrapMessage message : ALL) {
            for (int count = 0; count < 6; count++) {
                if (count != message.descriptors()) {
                    raw.send(bytes(message), some(count));
                    assertThatThrownBy(() -> ours.receive(PLENTY))
                            .isInstanceOf(VmmException.class)
                            .hasMessageContaining(count + " descriptors where " + message.descriptors() + " belong");
                }
            }
        }
        assertThat(openDescriptors()).isLessThanOrEqualTo(before);
        assertThatThrownBy(() -> ours.send(new Failed("x"), some(1))).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void valuesThatNoDeviceHasAreRefused() {
        for (String bad : List.of(
                "{\"ready\":{\"type\":0,\"features\":0,\"queue-sizes\":[1],\"config-length\":0,\"unsavable\":\"\"}}",
                "{\"ready\":{\"type\":25,\"features\":0,\"queue-sizes\":[],\"config-length\":0,\"unsavable\":\"\"}}",
                "{\"ready\":{\"type\":25,\"features\":0,\"queue-sizes\":[65536],\"config-length\":0,\"unsavable\":\"\"}}",
                "{\"ready\":{\"type\":25,\"features\":0,\"queue-sizes\":[1],\"config-length\":9999,\"unsavable\":\"\"}}",
                "{\"ready\":{\"type\":25,\"features\":0,\"queue-sizes\":[1],\"config-length\":-1,\"unsavable\":\"\"}}",
                "{\"answer\":{\"id\":1,\"errno\":0,\"reply\":null}}",
                "{\"answer\":{\"id\":1,\"errno\":-1,\"reply\":null}}",
                "{\"answer\":{\"id\":1,\"errno\":9999,\"reply\":null}}",
                "{\"answer\":{\"errno\":5,\"reply\":null}}",
                "{\"other\":{}}",
                "{}",
                "",
                "[".repeat(100_000))) {
            raw.send(bad.getBytes(StandardCharsets.UTF_8), List.of());
            assertThatThrownBy(() -> ours.receive(PLENTY))
                    .as(bad)
                    .isInstanceOf(VmmException.class)
                    .hasMessageStartingWith("the peer sent what is no message: ");
        }
    }

    /** It ends up on the user's terminal. */
    @Test
    void aReasonIsOneShortLine() {
        Failed failed = new Failed("a\n\u001b[31mb" + "x".repeat(100_000));
        assertThat(failed.reason()).startsWith("a  [31mbx").hasSize(BootstrapMessage.MOST_TEXT);
    }

    @Test
    void whateverComesIsAMessageOrRefused() throws Exception {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        int before = openDescriptors();
        int messages = 0;
        for (int round = 0; round < 3000; round++) {
            byte[] text = bytes(ALL.get(random.nextInt(ALL.size())));
            for (int changes = random.nextInt(4); changes > 0; changes--) {
                int at = random.nextInt(text.length);
                switch (random.nextInt(3)) {
                    case 0 -> text[at] = (byte) random.nextInt();
                    case 1 -> text[at] = (byte) "{}[],:\"0129-\\nul".charAt(random.nextInt(15));
                    default -> text = java.util.Arrays.copyOf(text, at + 1);
                }
            }
            raw.send(text, some(random.nextInt(3)));
            try (Bootstrap.Received received = ours.receive(PLENTY)) {
                assertThat(received).isNotNull();
                messages++;
            } catch (VmmException e) {
                assertThat(e).as("seed %d", seed).hasMessageStartingWith("the peer sent ");
            }
        }
        assertThat(messages).as("seed %d", seed).isPositive();
        assertThat(openDescriptors()).as("seed %d", seed).isLessThanOrEqualTo(before);
    }
}
