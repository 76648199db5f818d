package jcrosvm.guest;

import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A guest in QEMU's software emulation: the outside judge of what this module makes. */
final class EmulatedMachine implements AutoCloseable {
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(100);

    private final Process qemu;
    private final SocketChannel console;
    private final Path socket;
    private final StringBuilder seen = new StringBuilder();
    private int mark;

    private EmulatedMachine(Process qemu, SocketChannel console, Path socket) {
        this.qemu = qemu;
        this.console = console;
        this.socket = socket;
    }

    static EmulatedMachine start(GuestImage image, String... more) throws IOException {
        assumeTrue(onPath("qemu-system-x86_64"), "qemu-system-x86_64 is not installed");
        Path socket = Files.createTempDirectory("guest-test").resolve("console");
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(socket));
            List<String> command = new ArrayList<>(List.of(
                    "qemu-system-x86_64",
                    "-M",
                    "q35",
                    "-m",
                    "256",
                    "-nodefaults",
                    "-display",
                    "none",
                    "-no-reboot",
                    "-monitor",
                    "stdio",
                    "-serial",
                    "unix:" + socket,
                    "-kernel",
                    image.kernel().toString(),
                    "-initrd",
                    image.initramfs().toString(),
                    "-append",
                    image.parameters()));
            command.addAll(List.of(more));
            Process qemu = new ProcessBuilder(command)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            SocketChannel console = server.accept();
            console.configureBlocking(false);
            return new EmulatedMachine(qemu, console, socket);
        }
    }

    static boolean onPath(String program) {
        for (String directory : System.getenv("PATH").split(":")) {
            if (Files.isExecutable(Path.of(directory, program))) {
                return true;
            }
        }
        return false;
    }

    /** Waits until the console shows a text after the one that was waited for last; returns what stands before it. */
    String await(String text) throws Exception {
        long end = System.nanoTime() + PATIENCE;
        while (true) {
            int at = seen.indexOf(text, mark);
            if (at >= 0) {
                String before = seen.substring(mark, at);
                mark = at + text.length();
                return before;
            }
            if (!read() || System.nanoTime() > end) {
                fail("the console never showed '" + text + "':\n" + seen);
            }
        }
    }

    void type(String text) throws IOException {
        console.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }

    void monitor(String command) throws IOException {
        qemu.getOutputStream().write((command + "\n").getBytes(StandardCharsets.UTF_8));
        qemu.getOutputStream().flush();
    }

    /** Everything on the console until the guest switches itself off. */
    String awaitEnd() throws Exception {
        long end = System.nanoTime() + PATIENCE;
        while (read()) {
            if (System.nanoTime() > end) {
                fail("the guest never ended:\n" + seen);
            }
        }
        if (!qemu.waitFor(1, TimeUnit.MINUTES)) {
            fail("QEMU never ended:\n" + seen);
        }
        return seen.toString();
    }

    private boolean read() throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(4096);
        int count = console.read(buffer);
        if (count < 0) {
            return false;
        }
        if (count == 0) {
            Thread.sleep(20);
        }
        seen.append(new String(buffer.array(), 0, count, StandardCharsets.UTF_8).replace("\r", ""));
        return true;
    }

    @Override
    public void close() throws Exception {
        qemu.destroyForcibly().waitFor();
        console.close();
        Files.deleteIfExists(socket);
        Files.deleteIfExists(socket.getParent());
    }
}
