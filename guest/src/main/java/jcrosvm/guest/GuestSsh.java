package jcrosvm.guest;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;

/** The ssh server of a {@link DiskSession}'s guest, through a port of this host. */
public final class GuestSsh {
    private static final byte[] BANNER = "SSH-2.0-".getBytes(StandardCharsets.US_ASCII);

    private final DiskSession session;
    private final int port;

    /**
     * The server; it need not be there yet.
     *
     * @param port of 127.0.0.1 that leads to the guest's port 22
     */
    public GuestSsh(DiskSession session, int port) {
        this.session = session;
        this.port = port;
    }

    /**
     * Whether the server answers by now. A forwarded port accepts connections long before there is one.
     *
     * @param millis how long to wait for an answer
     */
    public boolean answers(int millis) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), millis);
            socket.setSoTimeout(millis);
            byte[] start = socket.getInputStream().readNBytes(BANNER.length);
            return java.util.Arrays.equals(start, BANNER);
        } catch (IOException _) {
            return false;
        }
    }

    /** Whether this host has an ssh client. */
    public static boolean hasClient() {
        String path = System.getenv("PATH");
        return path != null
                && java.util.Arrays.stream(path.split(":", -1))
                        .anyMatch(directory -> Files.isExecutable(Path.of(directory, "ssh")));
    }

    /** What a user types to log in. */
    public String command() {
        return String.join(" ", session.sshCommand(port));
    }

    /**
     * Has the guest's shell read a script as root; what it prints goes where this process prints.
     *
     * @return the script's exit code
     * @throws VmmException if there is no client, or it cannot log in
     */
    public int run(String script) {
        List<String> command = session.sshCommand(port, "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-T");
        command.add("sh");
        try {
            Process process = new ProcessBuilder(command)
                    .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            try (var input = process.getOutputStream()) {
                input.write(script.getBytes(StandardCharsets.UTF_8));
            }
            int code = process.waitFor();
            if (code == 255) {
                throw new VmmException("cannot log in to the guest with: " + command());
            }
            return code;
        } catch (IOException e) {
            throw new VmmException("cannot run ssh: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new VmmException("interrupted while ssh was running", e);
        }
    }
}
