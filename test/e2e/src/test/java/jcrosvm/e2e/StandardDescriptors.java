package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.io.Poller;
import jcrosvm.base.io.UnixSocket;

/** What the program has for its standard descriptors when the shell that starts it closes some. */
final class StandardDescriptors {
    private static final int LIMIT_MILLIS = 60_000;

    private StandardDescriptors() {}

    /** With each set of them closed: those are /dev/null, the others what they were. */
    static void areThere(Path folder, String program) throws Exception {
        for (int closed = 0; closed < 8; closed++) {
            String[] redirections = {"<&-", ">&-", "2>&-"};
            StringBuilder command = new StringBuilder("exec \"$0\" powerbtn \"$1\"");
            List<String> expected = new ArrayList<>();
            for (int fd = 0; fd < 3; fd++) {
                boolean isClosed = (closed & 1 << fd) != 0;
                command.append(' ').append(isClosed ? redirections[fd] : "");
                expected.add(
                        isClosed
                                ? "/dev/null"
                                : Files.createFile(folder.resolve(closed + "-" + fd))
                                        .toString());
            }
            assertThat(descriptors(folder, program, command.toString(), closed))
                    .as(command.toString())
                    .isEqualTo(expected);
        }
    }

    /** Of a program that waits for the answer of a VM. */
    private static List<String> descriptors(Path folder, String program, String command, int number) throws Exception {
        Path path = folder.resolve("s");
        try (UnixSocket server = UnixSocket.listen(path, UnixSocket.Type.SEQPACKET)) {
            ProcessBuilder builder = new ProcessBuilder("bash", "-c", command, program, path.toString())
                    .directory(folder.toFile())
                    .redirectInput(file(folder, number, 0))
                    .redirectOutput(file(folder, number, 1))
                    .redirectError(file(folder, number, 2));
            builder.environment().put("JCROSVM_BUILD", "never");
            Process process = builder.start();
            try {
                assertThat(Poller.await(server.fd(), Poller.READABLE, LIMIT_MILLIS))
                        .as("it connects")
                        .isNotZero();
                List<String> found = new ArrayList<>();
                for (int fd = 0; fd < 3; fd++) {
                    Path link = Path.of("/proc", Long.toString(process.pid()), "fd", Integer.toString(fd));
                    found.add(Files.readSymbolicLink(link).toString());
                }
                return found;
            } finally {
                process.destroyForcibly().waitFor();
            }
        } finally {
            UnixSocket.unlink(path);
        }
    }

    private static java.io.File file(Path folder, int number, int fd) throws Exception {
        Path path = folder.resolve(number + "-" + fd);
        return (Files.exists(path) ? path : Path.of("/dev/null")).toFile();
    }
}
