package jcrosvm.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.JsonReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The commands for disk images; qemu-img is the oracle where it is installed. */
class DiskCommandsTest {
    @TempDir
    Path dir;

    private record Result(int code, String out, String err) {}

    private static Result run(Object... words) {
        PrintStream oldOut = System.out;
        PrintStream oldErr = System.err;
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
            int code = Main.run(Arrays.stream(words).map(Object::toString).toList());
            return new Result(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(oldOut);
            System.setErr(oldErr);
        }
    }

    private static Result succeed(Object... words) {
        Result result = run(words);
        assertThat(result.err()).isEmpty();
        assertThat(result.code()).isZero();
        return result;
    }

    private Result qemuImg(Object... words) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/qemu-img")), "qemu-img is not installed");
        List<String> command = new ArrayList<>(List.of("/usr/bin/qemu-img"));
        Arrays.stream(words).map(Object::toString).forEach(command::add);
        Path output = dir.resolve("qemu-img.txt");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        return new Result(process.exitValue(), Files.readString(output), "");
    }

    private Path raw(String name, int size) throws IOException {
        return Files.write(dir.resolve(name), new byte[size]);
    }

    @Test
    void createsQcow2OfASize() throws Exception {
        Path path = raw("disk.qcow2", 100); // is replaced
        assertThat(succeed("create_qcow2", path, "3G").out()).isEmpty();
        assertThat(succeed("disk", "info", path).out())
                .contains("format: qcow2\n", "virtual size: 3G (3221225472)\n", "version: 3\n");
        assertThat(succeed("disk", "check", path).out()).contains("No errors were found");
        assertThat(qemuImg("info", path).out()).contains("virtual size: 3 GiB");
        assertThat(qemuImg("check", path).code()).isZero();
    }

    @Test
    void createsQcow2OverABackingFile() throws Exception {
        Path base = raw("base.img", 1 << 20);
        Path middle = dir.resolve("middle.qcow2");
        Path top = Files.createDirectory(dir.resolve("sub")).resolve("top.qcow2");
        succeed("create_qcow2", middle, "--backing-file", base);
        succeed("create_qcow2", "--backing-file=" + middle, top);
        String json = succeed("disk", "info", "--format=qcow2", "--json", top).out();
        JsonReader.parse(json);
        assertThat(json)
                .contains("\"virtual-size\": 1048576", "\"backing-filename-format\": \"qcow2\"")
                .contains("\"filename\": \"" + middle + "\"", "\"filename\": \"" + base + "\"");
        assertThat(succeed("disk", "info", "--backing=any", top).out()).contains("    format: raw\n");
        assertThat(qemuImg("info", "--backing-chain", top).out())
                .contains("backing file: " + middle, "backing file format: raw");
        Files.delete(base);
        assertThat(succeed("disk", "info", "--format=qcow2", top).out()).contains("  problem: cannot open " + base);
    }

    @Test
    void relativeBackingFilesAreSeenFromTheWorkingDirectory() throws Exception {
        Path here = Path.of("").toAbsolutePath();
        Path base = raw("base.img", 1 << 20);
        Path top = Files.createDirectory(dir.resolve("sub")).resolve("top.qcow2");
        succeed("create_qcow2", top, "--backing-file", here.relativize(base));
        assertThat(succeed("disk", "info", top).out()).contains("backing file name: ../base.img (raw)");
        assertThat(qemuImg("check", top).code()).isZero();
    }

    @Test
    void checkTellsLeaksAndCorruptionApart() throws Exception {
        Path path = dir.resolve("disk.qcow2");
        succeed("create_qcow2", path, "1M");
        byte[] good = Files.readAllBytes(path);
        // A refcount of 1 for a cluster that nobody refers to: the refcount block is the cluster behind the table.
        byte[] bad = Arrays.copyOf(good, good.length + 65536);
        int table = (int) java.nio.ByteBuffer.wrap(good).getLong(48);
        int block = (int) java.nio.ByteBuffer.wrap(good).getLong(table);
        bad[block + 2 * (good.length / 65536) + 1] = 1;
        Files.write(path, bad);
        Result leak = run("disk", "check", path);
        assertThat(leak.code()).isEqualTo(qemuImg("check", path).code()).isEqualTo(3);
        assertThat(leak.out()).contains("1 leaked clusters were found");
        assertThat(run("disk", "check", "--repair", path).out()).contains("1 leaked clusters were given back.");
        assertThat(run("disk", "check", path).code()).isZero();
        assertThat(qemuImg("check", path).code()).isZero();

        byte[] corrupt = good.clone();
        corrupt[block + 1] = 0; // the header's own cluster counts as free
        Files.write(path, corrupt);
        assertThat(run("disk", "check", path).code())
                .isEqualTo(qemuImg("check", path).code())
                .isEqualTo(2);
        assertThat(run("disk", "check", raw("raw", 512)).code()).isEqualTo(63);
        assertThat(run("disk", "check", dir.resolve("none")).code()).isEqualTo(1);
    }

    @Test
    void resizesImages() throws Exception {
        Path raw = raw("raw", 1 << 20);
        Path qcow2 = dir.resolve("qcow2");
        succeed("create_qcow2", qcow2, "1M");
        for (Path path : List.of(raw, qcow2)) {
            succeed("disk", "resize", path, "5M");
            assertThat(succeed("disk", "info", path).out()).contains("virtual size: 5M (5242880)");
            Result refused = run("disk", "resize", path, "2M");
            assertThat(refused.code()).isEqualTo(1);
            assertThat(refused.err()).contains("needs --shrink").hasLineCount(1);
        }
        succeed("disk", "resize", "--shrink", raw, "2M");
        assertThat(Files.size(raw)).isEqualTo(2 << 20);
        assertThat(qemuImg("check", qcow2).code()).isZero();
    }

    @Test
    void resizesADiskOfAVm() throws Exception {
        Path path = dir.resolve("s");
        try (UnixSocket server = UnixSocket.listen(path, UnixSocket.Type.SEQPACKET)) {
            StringBuilder request = new StringBuilder();
            Thread peer = Thread.ofPlatform().start(() -> {
                try (UnixSocket client = server.accept()) {
                    request.append(new String(client.receive(1000).data(), StandardCharsets.UTF_8));
                    client.send("\"Ok\"".getBytes(StandardCharsets.UTF_8));
                }
            });
            succeed("disk", "resize", "2", "1G", path);
            peer.join();
            assertThat(request.toString().replace(" ", ""))
                    .isEqualTo("{\"DiskCommand\":{\"disk_index\":2,"
                            + "\"command\":{\"Resize\":{\"new_size\":1073741824}}}}");
        }
    }

    @Test
    void createsComposites() throws Exception {
        Path one = raw("one", 1 << 20);
        Path two = raw("two", 5000);
        Path disk = dir.resolve("disk");
        succeed(
                "create_composite",
                disk,
                "root:" + one + ":writable",
                "data:" + two + ":01020304-0506-0708-090a-0b0c0d0e0f10");
        assertThat(dir.resolve("disk.header")).hasSize(20480);
        assertThat(dir.resolve("disk.footer")).exists();
        assertThat(dir.resolve("disk.filler")).hasSize(4096);
        assertThat(succeed("disk", "info", disk).out())
                .contains("format: composite\n", "part:\n  image: " + one + "\n", "  virtual size: 5K (5120)");
        assertThat(succeed("disk", "check", disk).out()).contains("No errors");
        JsonReader.parse(succeed("disk", "info", "--json", disk).out());
    }

    /** A guest wrote it into its raw disk: only the commands that are told what it is follow it. */
    @Test
    void noCommandFollowsAGuestsBait() throws Exception {
        Path secret = raw("shadow", 8192);
        Path vm = Files.createDirectory(dir.resolve("vm"));
        Path disk = vm.resolve("disk.raw");
        assertThat(qemuImg("create", "-q", "-f", "qcow2", "-u", "-b", secret, "-F", "raw", disk, "4K")
                        .code())
                .isZero();
        Path top = vm.resolve("top");
        String rule = "may only name files below its own folder " + vm;
        assertThat(succeed("disk", "info", disk).out())
                .contains("problem: cannot open " + secret, rule)
                .doesNotContain("backing file:");
        for (Object[] line : new Object[][] {
            {"disk", "resize", disk, "1M"},
            {"create_qcow2", top, "--backing-file", disk},
            {"create_composite", top, "a:" + disk}
        }) {
            Result refused = run(line);
            assertThat(refused.code()).isEqualTo(1);
            assertThat(refused.err())
                    .contains(rule, "format=qcow2", "backing=any")
                    .hasLineCount(1);
        }
        assertThat(top).doesNotExist();
        // Nothing of the other file is needed to check an image.
        assertThat(run("disk", "check", disk).code()).isZero();

        succeed("disk", "info", "--backing=any", disk);
        succeed("create_qcow2", top, "--backing-file", disk, "--backing-format=qcow2");
        succeed("create_composite", top, "a:" + disk + ":format=qcow2");
        succeed("create_composite", top, "--backing", "any", "a:" + disk);
        assertThat(succeed("disk", "info", "--format=raw", disk).out()).contains("format: raw\n");
        succeed("create_qcow2", top, "--backing-file", disk, "--backing-format=raw");
        assertThat(succeed("disk", "info", top).out()).contains("backing file name: " + disk + " (raw)");
        succeed("disk", "resize", "--format=raw", disk, "1M");
        assertThat(Files.size(disk)).isEqualTo(1 << 20);
        succeed("disk", "resize", "--format=qcow2", disk, "2M");
    }

    @Test
    void aCompositeDiskKeepsTheFormatsOfItsParts() throws Exception {
        Path part = raw("part", 1 << 20);
        Path disk = dir.resolve("disk");
        succeed("create_composite", disk, "a:" + part + ":writable:format=raw");
        assertThat(qemuImg("create", "-q", "-f", "qcow2", dir.resolve("bait"), "64M")
                        .code())
                .isZero();
        byte[] bait = Arrays.copyOf(Files.readAllBytes(dir.resolve("bait")), 1 << 20);
        Files.write(part, bait);
        assertThat(succeed("disk", "info", disk).out()).contains("  format: raw\n  virtual size: 1M");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            create_qcow2 x                            | 35 | needs either SIZE or --backing-file
            create_qcow2 x 1G --backing-file y        | 35 | not both
            create_qcow2 x 1X                         | 35 | invalid size '1X'
            create_qcow2 x 100                        | 35 | not a multiple of 512
            create_qcow2 x --backing-file /none       | 1  | cannot open /none
            create_qcow2 /none/x 1G                   | 1  | cannot open /none/x
            create_composite x                        | 35 | LABEL:PARTITION
            create_composite x y                      | 35 | must be LABEL:PARTITION
            create_composite x a:b:c                  | 35 | neither 'writable', format=FORMAT nor a GUID
            create_composite x a:b:format=vdi         | 35 | there is no format 'vdi', only raw, qcow2, composite
            create_qcow2 x --backing-file y --backing-format=vdi | 35 | option --backing-format: there is no format
            disk resize x 1G --format=vmdk            | 35 | there is no format 'vmdk', only raw, qcow2
            disk check x --backing=all                | 35 | expected one of own-folder, any
            create_composite x a:b:writable:1-2-3-4-5 | 35 | neither 'writable', format=FORMAT nor a GUID
            create_composite x a:/none                | 1  | cannot open /none
            disk                                      | 35 | a command is missing behind 'disk'
            disk resise                               | 35 | did you mean 'resize'
            disk info                                 | 35 | PATH is missing
            disk info /none                           | 1  | cannot open /none
            disk info / --format=vmdk                 | 35 | no format 'vmdk'
            disk info /                               | 1  | it is a directory
            disk check /none                          | 1  | cannot open /none
            disk resize x                             | 35 | NEW_SIZE is missing
            disk resize /none 1G                      | 1  | cannot open /none
            disk resize one 1G /none                  | 35 | invalid disk index 'one'
            disk resize 0 1G /none                    | 1  | there is no such socket
            """)
    void failsWithOneLine(String line, int code, String message) {
        Result result = run((Object[]) line.split(" "));
        assertThat(result.code()).isEqualTo(code);
        assertThat(result.err())
                .startsWith("jcrosvm: error: ")
                .contains(message)
                .hasLineCount(1);
    }
}
