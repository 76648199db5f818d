package jcrosvm.base.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Another process on a terminal of its own, which Python's pty module makes and looks at. */
@Timeout(120)
class TerminalTest {
    /** What runs on the terminal: its argument says how it ends. */
    static final class Program {
        public static void main(String[] arguments) throws IOException, InterruptedException {
            Terminal terminal = Terminal.raw(Fd.adopt(0));
            System.out.println("raw " + ProcessHandle.current().pid() + ".");
            // Ctrl-C is a byte like any other.
            boolean interrupt = System.in.read() == 3;
            switch (arguments[0]) {
                case "close" -> terminal.close();
                case "exit" -> System.exit(interrupt ? 3 : 4);
                case "throw" -> throw new IOException("as the test asked");
                case "idle" -> new java.util.concurrent.CountDownLatch(1).await();
                default -> {
                    while (System.in.read() >= 0) {
                        // until killed
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "end,close",
        "end,exit",
        "end,throw",
        "SIGTERM,wait",
        "SIGKILL,wait",
        "shell,wait",
        "stop,wait",
        "bg,idle",
        "start,wait"
    })
    void putsTheTerminalBack(String how, String program) throws Exception {
        Path python = Path.of("/usr/bin/python3");
        assumeThat(Files.isExecutable(python)).as("python3 makes the terminal").isTrue();
        Path script = Path.of(TerminalTest.class.getResource("terminal_test.py").toURI());
        List<String> command = new ArrayList<>(List.of(python.toString(), script.toString(), how));
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                location(Terminal.class) + ":" + location(Program.class),
                Program.class.getName(),
                program));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(output.strip()).isEqualTo("raw restored");
    }

    private static String location(Class<?> type) throws Exception {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI())
                .toString();
    }
}
