package jcrosvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DiskSetupTest {
    private static final GuestImage GUEST = new GuestImage(Path.of("kernel"), Path.of("initramfs"), "");

    @TempDir
    private Path directory;

    private final List<String> progress = new ArrayList<>();

    private void run(String printed) {
        new DiskSetup(10, directory.resolve("log"), progress::add)
                .run((guest, disk, console) -> print(console, printed), GUEST, Path.of("disk"));
    }

    private static void print(Path console, String text) {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(console))) {
            channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void progressIsTold() throws Exception {
        run("Setting up x (1) ...\r\n".repeat(10) + "@@ SET-UP\r\n");
        assertThat(progress).hasSize(5).first().isEqualTo("set up 2 of 10 packages");
        assertThat(progress).last().isEqualTo("set up 10 of 10 packages");
        assertThat(directory.resolve("log")).content().contains("Setting up x", "@@ SET-UP");
    }

    @Test
    void failureHasAReason() {
        assertThatThrownBy(() -> run("Setting up x (1) ...\r\n@@ FAILED there is no disk\r\n"))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("could not be set up: there is no disk")
                .hasMessageContaining(directory.resolve("log").toString());
    }

    @Test
    void machineThatEndsEarlyIsAFailure() {
        assertThatThrownBy(() -> run("Kernel panic")).hasMessageContaining("the machine ended early");
    }

    @Test
    void machineThatNeverStartsSaysWhy() {
        assertThatThrownBy(() -> new DiskSetup(10, directory.resolve("log"), progress::add)
                        .run(
                                (guest, disk, console) -> {
                                    throw new VmmException("no memory");
                                },
                                GUEST,
                                Path.of("disk")))
                .hasMessage("no memory");
        assertThat(Files.exists(directory.resolve("log"))).isFalse();
    }
}
