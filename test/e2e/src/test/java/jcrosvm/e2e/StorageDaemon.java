package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** QEMU's storage daemon, which serves a raw image over vhost-user: a backend that is not ours. */
final class StorageDaemon implements AutoCloseable {
    private static final Path PROGRAM = Path.of("/usr/bin/qemu-storage-daemon");
    private static final long LIMIT_SECONDS = 60;

    private final Process process;
    private final Path socket;

    /** Skips the test where there is no such program. */
    StorageDaemon(Path directory, Path image) throws IOException, InterruptedException {
        assumeTrue(Files.isExecutable(PROGRAM), "qemu-storage-daemon is not installed (package qemu-utils)");
        socket = directory.resolve("qsd.sock");
        process = new ProcessBuilder(
                        PROGRAM.toString(),
                        "--blockdev",
                        "driver=file,node-name=file,filename=" + image,
                        "--blockdev",
                        "driver=raw,node-name=disk,file=file",
                        "--export",
                        "type=vhost-user-blk,id=export,node-name=disk,writable=on,num-queues=2,addr.type=unix,addr.path="
                                + socket)
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("qsd.log").toFile())
                .start();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (!Files.exists(socket) && process.isAlive() && System.nanoTime() < end) {
            TimeUnit.MILLISECONDS.sleep(10);
        }
        assertThat(socket).as(Files.readString(directory.resolve("qsd.log"))).exists();
    }

    Path socket() {
        return socket;
    }

    /** Sends a signal by name, such as STOP. */
    void signal(String name) throws IOException, InterruptedException {
        assertThat(new ProcessBuilder("kill", "-" + name, Long.toString(process.pid()))
                        .start()
                        .waitFor())
                .isZero();
    }

    @Override
    public void close() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }
}
