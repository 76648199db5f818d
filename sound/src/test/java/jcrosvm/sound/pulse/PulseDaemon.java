package jcrosvm.sound.pulse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.OsException;
import jcrosvm.base.io.UnixSocket;

/** Debian's PulseAudio with a sink that nothing is behind, in a folder of its own. */
final class PulseDaemon implements AutoCloseable {
    static final Path PROGRAM = Path.of("/usr/bin/pulseaudio");

    private final Path home;
    private Process process;

    PulseDaemon(Path home) throws Exception {
        this.home = home;
        start();
    }

    PulseServer server() {
        return PulseServer.find("unix:" + socket(), "out", "out.monitor", "test", Map.of("HOME", home.toString()));
    }

    private Path socket() {
        return home.resolve("native");
    }

    void start() throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(
                PROGRAM.toString(),
                "-n",
                "--daemonize=no",
                "--exit-idle-time=-1",
                "--use-pid-file=no",
                "--disable-shm=yes",
                "--load=module-native-protocol-unix socket=" + socket(),
                "--load=module-null-sink sink_name=out format=s16le rate=48000 channels=2");
        builder.environment().put("HOME", home.toString());
        builder.environment().put("XDG_RUNTIME_DIR", home.toString());
        builder.environment().put("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
        process = builder.redirectErrorStream(true)
                .redirectOutput(
                        ProcessBuilder.Redirect.appendTo(home.resolve("log").toFile()))
                .start();
        for (int i = 0; i < 300; i++) {
            try (UnixSocket there = UnixSocket.connect(socket(), UnixSocket.Type.STREAM)) {
                return;
            } catch (OsException e) {
                if (process.waitFor(100, TimeUnit.MILLISECONDS)) {
                    break;
                }
            }
        }
        throw new AssertionError("pulseaudio does not start: " + Files.readString(home.resolve("log")));
    }

    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    long pid() {
        return process.pid();
    }

    @Override
    public void close() throws Exception {
        kill();
    }
}
