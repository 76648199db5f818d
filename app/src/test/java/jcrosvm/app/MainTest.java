package jcrosvm.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.vmm.VmExit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MainTest {
    private record Result(int code, String out, String err) {}

    private static Result run(String... words) {
        PrintStream oldOut = System.out;
        PrintStream oldErr = System.err;
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
            int code = Main.run(List.of(words));
            return new Result(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(oldOut);
            System.setErr(oldErr);
        }
    }

    @Test
    void printsItsVersion() throws Exception {
        assertThat(run("version")).isEqualTo(new Result(0, "jcrosvm 0.1.0\n", ""));
        assertThat(run("--log-level=off", "--no-syslog", "--extended-status", "version")
                        .out())
                .isEqualTo("jcrosvm 0.1.0\n");
        assertThat(Files.readString(Path.of("../pom.xml")))
                .contains("<artifactId>jcrosvm</artifactId>\n  <version>" + VersionCommand.VERSION + "</version>");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", quoteCharacter = '\0', textBlock = """
            -                                  | 35 | a command is missing
            --what version                     | 35 | unknown option --what
            --log-level                        | 35 | option --log-level needs a value
            --log-level=a=b version            | 35 | invalid value 'a=b' of option --log-level
            frobnicate                         | 35 | unknown command 'frobnicate'
            snd                                | 35 | a command is missing behind 'snd'; there are mute-all
            snd mute x                         | 35 | unknown command 'snd mute' (did you mean 'mute-all'?)
            snd mute-all yes x                 | 35 | invalid value 'yes' of MUTED: expected true or false
            audio-conformance -f S8            | 35 | option --format: there is no format 'S8'
            audio-conformance -P cras          | 35 | option --stream-source: there is no source 'cras'
            audio-conformance --iterations 2   | 1  | audio-conformance: 2 records are too few
            audio-conformance -b 0             | 35 | option --buffer-frames: 0 is not within 1 to 1000000
            suspent x                          | 35 | unknown command 'suspent' (did you mean 'suspend'?)
            run --gpuu x                       | 35 | unknown option --gpuu
            run --mem=x k                      | 35 | invalid value 'x' of option --mem: 'x' is not a number at position 0
            run --grace-period=x k             | 35 | invalid value 'x' of option --grace-period
            stop                               | 35 | required argument VM_SOCKET is missing
            stop a b                           | 35 | unexpected argument 'b'
            stop --full a                      | 35 | unknown option --full
            suspend --timeout=-1 a             | 35 | out of range
            version x                          | 35 | unexpected argument 'x'
            run                                | 1  | Executable is not specified
            run --mem=0 k                      | 1  | --mem: a VM needs at least 2 MiB
            run --gpu=x k                      | 1  | --gpu is not supported yet
            run --mem=1 k                      | 1  | --mem: a VM needs at least 2 MiB
            run --cpu-affinity=0=8191 k        | 1  | --cpu-affinity: no CPU of [8191] is online
            run --hypervisor=soft --nested=on --bios=pom.xml | 1 | --nested on: soft offers guests neither VMX nor SVM here
            run --bios=h\ufffd.rom              | 35 | is not UTF-8 text
            run --cfg /dev/zero                | 1  | configuration file /dev/zero has more than 1024 KiB
            run --cfg /nonexistent             | 1  | configuration file /nonexistent does not exist
            run --block /nonexistent,pci-address=x k | 35 | pci-address: 'x' is not a PCI address of this machine
            run --no-syslog k                  | 35 | unknown option --no-syslog
            usb list x                         | 1  | command 'usb' is not supported yet
            device block                       | 35 | exactly one of --file and --config is needed
            devices --block vhost=             | 35 | its first key must be vhost=SOCKET
            devices --block /d,vhost=s         | 35 | its first key must be vhost=SOCKET
            devices --block vhost=s            | 35 | path
            devices --serial vhost=s,type=sink | 1  | hardware=virtio-console
            device rng                         | 35 | exactly one of --socket-path and --fd is needed
            device rng --fd 0 --keep           | 35 | --keep needs --socket-path
            device rng --socket-path pom.xml   | 1  | the path exists and is not a stale socket
            device rng --socket-path /nonexistent/s | 1 | cannot create socket
            device block --file /nonexistent --socket-path target/s | 1 | cannot open /nonexistent
            device net --tap-name s --socket-path x | 35 | it is not SOCKET,NAME
            device disk                        | 35 | unknown command 'device disk'
            stop /nonexistent                  | 1  | there is no such socket
            """)
    void failsWithOneLine(String line, int code, String message) {
        Result result = line == null ? run() : run(line.split(" "));
        assertThat(result.code()).isEqualTo(code);
        assertThat(result.out()).isEmpty();
        assertThat(result.err())
                .startsWith("jcrosvm: error: ")
                .contains(message)
                .hasLineCount(1);
    }

    @Test
    void warnsOfDeprecatedOptions() {
        Result result = run("run", "--split-irqchip", "--kvm-device=/x", "--oem-strings=a");
        assertThat(result.code()).isEqualTo(1);
        assertThat(result.err())
                .contains("jcrosvm: warning: --split-irqchip is deprecated: use --irqchip split\n")
                .contains("jcrosvm: warning: --kvm-device is deprecated: use --hypervisor kvm[device=FILE]\n")
                .contains("jcrosvm: warning: --oem-strings is deprecated");
        assertThat(run("--log-level=error", "run", "--split-irqchip").err()).doesNotContain("warning");
    }

    @Test
    void printsHelp() {
        for (List<String> words :
                List.of(List.of("--help"), List.of("-h"), List.of("help"), List.of("--log-level=off", "--help"))) {
            Result result = run(words.toArray(String[]::new));
            assertThat(result.code()).isZero();
            assertThat(result.err()).isEmpty();
            assertThat(result.out())
                    .isEqualTo(HelpCommand.text())
                    .contains("\n  run  ")
                    .contains("--extended-status");
        }
        for (Commands.Entry entry : Commands.ENTRIES) {
            assertThat(run(entry.name(), "--help").out()).startsWith("Usage: jcrosvm " + entry.name());
            assertThat(run("help", entry.name()).out()).startsWith("Usage: jcrosvm " + entry.name());
            assertThat(Commands.find(entry.name()).syntax().command()).isEqualTo("jcrosvm " + entry.name());
        }
    }

    @Test
    void helpOfRunListsWhatIsHonoured() {
        String help = run("run", "--help").out();
        assertThat(help)
                .startsWith("Usage: jcrosvm run [options] [KERNEL]\n")
                .contains("\nProcessors:\n  -c, --cpus [num-cores=]N,...\n")
                .contains("--serial")
                .doesNotContain("--gpu");
        assertThat(help.lines()).allMatch(line -> line.length() <= 80);
    }

    @Test
    void printsRepliesItDidNotExpect(@TempDir Path folder) throws Exception {
        Result result = answered(folder, "{\"Err\":95}");
        assertThat(result.code()).isEqualTo(1);
        assertThat(result.out()).startsWith("unexpected response: error: ").contains("ENOTSUP");
        Result garbage = answered(folder, "\u001b[2J\n" + "x".repeat(10_000));
        assertThat(garbage.out())
                .as("nothing that a terminal would obey")
                .startsWith("unexpected response: ?[2J?xxx")
                .hasLineCount(1);
        assertThat(garbage.out().length()).isLessThan(600);
    }

    private static Result answered(Path folder, String reply) throws Exception {
        Path path = folder.resolve("s");
        try (UnixSocket server = UnixSocket.listen(path, UnixSocket.Type.SEQPACKET)) {
            Thread peer = Thread.ofPlatform().start(() -> {
                try (UnixSocket client = server.accept()) {
                    client.receive(100);
                    client.send(reply.getBytes(StandardCharsets.UTF_8));
                }
            });
            Result result = run("powerbtn", path.toString());
            peer.join();
            return result;
        }
    }

    @Test
    void mapsEndingsToExitCodes() {
        OptionalInt none = OptionalInt.empty();
        int[] extended = {0, 32, 33, 34, 36};
        for (VmExit exit : VmExit.values()) {
            assertThat(ExitCode.of(exit, none, false)).isEqualTo(exit == VmExit.CRASH ? 1 : 0);
            assertThat(ExitCode.of(exit, none, true)).isEqualTo(extended[exit.ordinal()]);
            assertThat(ExitCode.of(exit, OptionalInt.of(0x10), false)).isEqualTo(33);
        }
        assertThat(ExitCode.of(VmExit.STOP, OptionalInt.of(0xff), false)).isEqualTo(255);
    }
}
