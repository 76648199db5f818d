package jcrosvm.serial;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import jcrosvm.base.Libc;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class OutputWriterTest {
    @TempDir
    private Path dir;

    private static SerialConfig config(String options) {
        return RecordBinder.bind(KeyValueParser.parse(options), SerialConfig.class);
    }

    @Test
    void writesAgainOnceThereIsRoom() throws Exception {
        Path full = Path.of("/dev/full");
        assumeThat(Files.isWritable(full)).as("/dev/full").isTrue();
        Path file = dir.resolve("log");
        Fd target = Fd.open(full, Fd.O_WRONLY);
        OutputWriter writer = new OutputWriter("test", target, new OutputWriter.Format(false, false, false));
        writer.write("lost".getBytes(StandardCharsets.US_ASCII), 4);
        try (Fd room = Fd.open(file, Fd.O_WRONLY | Fd.O_CREAT, 0600)) {
            // The same descriptor, of a disk that has room again.
            assertThat(Libc.DUP3.callInt(room.number(), target.number(), 0)).isEqualTo(target.number());
        }
        writer.write("kept".getBytes(StandardCharsets.US_ASCII), 4);
        writer.close();
        assertThat(Files.readString(file)).isEqualTo("kept");
    }

    @Test
    void logsLines() {
        Path path = dir.resolve("log");
        try (UnixSocket log = UnixSocket.listen(path, UnixSocket.Type.DATAGRAM)) {
            SerialConfig config = config("type=syslog,hardware=virtio-console");
            SerialOutput output = Objects.requireNonNull(
                    EndpointFiles.open(config, path).connect("test", config).output());
            byte[] text = ("first\r\n\r\n" + "x".repeat(1000) + "\nrest").getBytes(StandardCharsets.US_ASCII);
            output.put(text, 0, text.length);
            output.close();
            String start = "<14>[A-Z][a-z]{2} [ 1-3][0-9] [0-9:]{8} jcrosvm\\[[0-9]+\\]: ";
            assertThat(next(log)).matches(start + "first");
            assertThat(next(log)).matches(start + "x{900}");
            assertThat(next(log)).matches(start + "x{100}");
            assertThat(next(log)).matches(start + "rest");
        }
    }

    private static String next(UnixSocket socket) {
        return new String(Objects.requireNonNull(socket.receive(2000)).data(), StandardCharsets.US_ASCII);
    }

    @Test
    void saysThatThereIsNoLog() {
        assertThatThrownBy(() -> EndpointFiles.open(config("type=syslog"), dir.resolve("none")))
                .isInstanceOf(VmmException.class)
                .hasMessageStartingWith("serial 1: ")
                .hasMessageContaining("none");
    }
}
