package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.vmm.config.HypervisorConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Virtio consoles in a Linux guest, on one hypervisor or another. */
@Timeout(300)
abstract class ConsoleScenes {
    @TempDir
    private Path directory;

    abstract String hypervisor();

    @Test
    void kernelAndProgramsTalkOverVirtioConsoles() throws Exception {
        Path log = directory.resolve("log");
        Path answers = directory.resolve("answers");
        Path questions = directory.resolve("questions");
        String line = "a line of a regular file";
        Files.writeString(questions, line + "\n");
        Path path = directory.resolve("shell");
        String script = """
                mark CMDLINE $(cat /proc/cmdline)
                mark NAMES $(cat /sys/class/virtio-ports/*/name)
                mark ACTIVE $(cat /sys/class/tty/console/active)
                exec 3<>/dev/hvc2 # kept open: the last close of a terminal throws its input away
                stty raw -echo <&3
                read answer <&3
                mark FILE $answer
                seq 1 20000 >&3
                setsid sh -c 'exec sh -i < /dev/hvc1 > /dev/hvc1 2>&1' &
                echo a message of the kernel > /dev/kmsg
                serve
                """;
        try (UnixSocket listener = UnixSocket.listen(path, UnixSocket.Type.STREAM);
                GuestSession guest = VirtioScenes.plain(
                        directory,
                        script,
                        List.of("virtio_console"),
                        builder -> builder.hypervisor(new HypervisorConfig(hypervisor(), null, null))
                                .params("ignore_loglevel")
                                .serial(GuestSession.serial("type=file,hardware=virtio-console,console,path=" + log))
                                .serial(GuestSession.serial(
                                        "type=unix-stream,input-unix-stream,num=2,hardware=legacy-virtio-console,path="
                                                + path))
                                .serial(GuestSession.serial(
                                        "type=file,hardware=virtio-console,num=3,name=org.jcrosvm.file,path=" + answers
                                                + ",input=" + questions + ",max-queue-sizes=[16,32]")));
                UnixSocket shell = listener.accept()) {
            assertThat(guest.awaitMarker("CMDLINE")).contains("console=hvc0").doesNotContain("hvc1");
            assertThat(guest.awaitMarker("NAMES")).isEqualTo("org.jcrosvm.file");
            assertThat(guest.awaitMarker("ACTIVE")).contains("hvc0");
            assertThat(guest.awaitMarker("FILE")).isEqualTo(line);
            shell.send("echo sum $((40 + 2)); tty\n".getBytes(StandardCharsets.UTF_8));
            StringBuilder text = new StringBuilder();
            while (!text.toString().contains("/dev/hvc1")) {
                text.append(
                        new String(Objects.requireNonNull(shell.receive(4096)).data(), StandardCharsets.UTF_8));
            }
            assertThat(text).contains("sum 42").contains("echo sum"); // the terminal echoes what is typed
            guest.awaitText("SERVING", 1);
            guest.type("end");
            guest.awaitMarker("DONE");
            guest.awaitEnd();
        }
        assertThat(Files.readString(log)).contains("Run /init as init process").contains("a message of the kernel");
        assertThat(Files.readString(answers).lines().filter(l -> l.matches("[0-9]+")))
                .hasSize(20_000)
                .last()
                .isEqualTo("20000");
    }
}
