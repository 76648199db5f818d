package jcrosvm.vhostuser.frontend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.virtio.VmFacts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What can be wrong with {@code --vhost-user}: each time one line that says what. */
class VhostUserModuleTest {
    private static final VmFacts FACTS = new VmFacts(1, 64 << 20);

    @TempDir
    private Path directory;

    private final VhostUserModule module = new VhostUserModule();

    private static VhostUserConfig config(String text) {
        VhostUserConfig config = RecordBinder.bind(KeyValueParser.parse(text), VhostUserConfig.class);
        config.validate();
        return config;
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "socket=s | type",
                "type=block | socket",
                "type=floppy,socket=s | floppy",
                "type=block,socket=s,max-queue-size=3 | max-queue-size 3 is not a power of two",
                "type=block,socket=s,max-queue-size=65536 | max-queue-size 65536",
                "type=block,socket=s,reconnect=0 | reconnect 0 is not 1 to 86400 seconds",
                "type=block,socket=s,reconnect=86401 | reconnect 86401",
                "type=block,socket=/proc/self/fd/7,reconnect=5 | needs a socket with a name",
                "type=block,socket=s,pci-address=x | x",
                "type=block,socket=s,queues=2 | queues"
            })
    void optionsThatCannotBe(String text, String message) {
        assertThatThrownBy(() -> config(text))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining(message)
                .message()
                .doesNotContain("\n", "Exception");
    }

    private String refusal(Path socket) {
        try {
            module.open(VhostUserConfig.of(DeviceType.BLOCK, socket), 0, FACTS);
        } catch (VmmException e) {
            return String.valueOf(e.getMessage());
        }
        throw new AssertionError("connected to " + socket);
    }

    @Test
    void socketsThatCannotBe() throws Exception {
        Path path = directory.resolve("socket");
        assertThat(refusal(path))
                .isEqualTo("--vhost-user " + path
                        + ": there is no such socket: start the backend first, or have it waited for by"
                        + " --vhost-user-connect-timeout-ms");
        Files.createFile(path);
        assertThat(refusal(path)).contains("no backend listens there");
        Files.delete(path);
        try (UnixSocket other = UnixSocket.listen(path, UnixSocket.Type.SEQPACKET)) {
            assertThat(refusal(path)).contains("it is not a stream socket");
            other.unlink();
        }
        assertThat(refusal(Path.of("/proc/self/fd/12345"))).contains("descriptor 12345 is not open");
    }

    /** A program that listens, and then does something else than a backend. */
    private String strange(byte... answer) throws Exception {
        Path path = directory.resolve("strange");
        try (UnixSocket listener = UnixSocket.listen(path, UnixSocket.Type.STREAM)) {
            Thread peer = Thread.ofPlatform().daemon().start(() -> {
                try (UnixSocket accepted = listener.accept()) {
                    accepted.send(answer);
                    UnixSocket.Message heard = answer.length == 0 ? null : accepted.receive(100);
                    while (heard != null && !heard.endOfStream()) {
                        heard = accepted.receive(100);
                    }
                }
            });
            try {
                VhostUserConfig config = VhostUserConfig.of(DeviceType.BLOCK, path);
                module.create(config, 0, module.open(config, 0, FACTS), FACTS);
            } catch (VmmException e) {
                return String.valueOf(e.getMessage());
            } finally {
                peer.join(TimeUnit.SECONDS.toMillis(20));
                listener.unlink();
            }
        }
        throw new AssertionError("that was taken for a backend");
    }

    private static byte[] features(long features) {
        return java.nio.ByteBuffer.allocate(20)
                .order(java.nio.ByteOrder.LITTLE_ENDIAN)
                .putInt(1)
                .putInt(5)
                .putInt(8)
                .putLong(features)
                .array();
    }

    @Test
    void programsThatAreNoBackends() throws Exception {
        assertThat(strange("HTTP/1.1 400 Bad Request\r\n\r\n".getBytes(java.nio.charset.StandardCharsets.US_ASCII)))
                .startsWith("--vhost-user " + directory.resolve("strange") + ": ")
                .contains("does not speak vhost-user");
        assertThat(strange()).contains("has closed the connection");
        assertThat(strange(features(0))).contains("has a legacy device");
    }
}
