package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.guest.TinyGuest;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What users get wrong: one clear line on standard error, crosvm's exit code, nothing left behind. */
class BadInputTest {
    private static final String SCRIPT = SourceTree.ROOT.resolve("jcrosvm").toString();
    private static final int FAILURE = 1;
    private static final int USAGE = 35;

    @TempDir
    private Path folder;

    private Path guest;

    @BeforeAll
    static void canRun() {
        assumeTrue(Files.exists(SourceTree.ROOT.resolve("app/target/built")), "the program is not built: run ./check");
        assumeTrue(Files.isWritable(Path.of("/dev/kvm")), "this host has no usable /dev/kvm");
    }

    @BeforeEach
    void writeGuest() throws IOException {
        guest = Files.write(folder.resolve("guest.elf"), TinyGuest.firstByte());
    }

    private void refused(int status, String message, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(SCRIPT, "--extended-status", "run"));
        command.addAll(List.of(arguments));
        Run run = Run.of(folder, command.toArray(String[]::new));
        // A slow KVM is worth a line of its own.
        String errors = run.err()
                .lines()
                .filter(line -> !line.contains("interprets guest code"))
                .reduce("", (a, b) -> a + b + "\n");
        assertThat(errors).contains(message).hasLineCount(1).startsWith("jcrosvm: ");
        assertThat(run.status()).isEqualTo(status);
        assertThat(run.out()).isEmpty();
    }

    private String file(String name, byte[] content) throws IOException {
        return Files.write(folder.resolve(name), content).toString();
    }

    private String sparse(String name, long size) throws IOException {
        Path path = folder.resolve(name);
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(size);
        }
        return path.toString();
    }

    @Test
    void kernels() throws Exception {
        byte[] noise = new byte[70_000];
        new SplittableRandom(5).nextBytes(noise);
        refused(FAILURE, "/no/such/kernel", "/no/such/kernel");
        refused(FAILURE, folder.toString(), folder.toString());
        refused(FAILURE, "empty", file("empty", new byte[0]));
        refused(FAILURE, "noise", file("noise", noise));
        byte[] bzImage = new byte[4096];
        bzImage[0x1fe] = 0x55;
        bzImage[0x1ff] = (byte) 0xaa;
        System.arraycopy(new byte[] {'H', 'd', 'r', 'S'}, 0, bzImage, 0x202, 4);
        bzImage[0x1f1] = 30; // setup sectors that are not there
        refused(FAILURE, "cut", file("cut", bzImage));
        refused(FAILURE, "both a kernel image", "--bios", guest.toString(), guest.toString());
        refused(FAILURE, "Executable is not specified");
    }

    @Test
    void sizes() throws Exception {
        refused(FAILURE, "huge-initrd", "--mem", "64", "-i", sparse("huge-initrd", 1L << 30), guest.toString());
        refused(FAILURE, "no-initrd", "-i", "no-initrd", guest.toString());
        refused(FAILURE, "--mem", "--mem", "0", guest.toString());
        refused(FAILURE, "--mem", "--mem", "99999999", guest.toString());
        refused(FAILURE, "--cpus", "--cpus", "0", guest.toString());
        refused(FAILURE, "--cpus", "--cpus", "65", guest.toString());
        refused(FAILURE, "command line", "-p", "x".repeat(5000), guest.toString());
        refused(FAILURE, "big.rom", "--bios", sparse("big.rom", 17L << 20));
    }

    @Test
    void options() throws Exception {
        refused(USAGE, "--mem", "--mem", "64", "--mem", "128", guest.toString());
        refused(USAGE, "typ", "--serial", "typ=stdout", guest.toString());
        refused(USAGE, "--no-such-option", "--no-such-option", guest.toString());
        refused(FAILURE, "--gpu", "--gpu", "backend=2d", guest.toString());
        refused(USAGE, "hypervisor", "--hypervisor", "xen", guest.toString());
        refused(FAILURE, "/dev/null", "--hypervisor", "kvm[device=/dev/null]", guest.toString());
        refused(FAILURE, "no-table", "--acpi-table", "no-table", guest.toString());
        refused(FAILURE, "no-directory", "--serial", "type=file,path=no-directory/log", guest.toString());
        refused(FAILURE, "no-peer", "--serial", "type=unix-stream,path=no-peer", guest.toString());
    }

    @Test
    void sockets() throws Exception {
        refused(FAILURE, "107", "-s", folder.resolve("x".repeat(120)).toString(), guest.toString());
        Path live = folder.resolve("live");
        try (UnixSocket socket = UnixSocket.listen(live, UnixSocket.Type.SEQPACKET)) {
            refused(FAILURE, "in use", "-s", live.toString(), guest.toString());
            assertThat(socket.fd().isOpen()).isTrue();
        }
        assertThat(Files.exists(live)).as("somebody else's socket").isTrue();
        String precious = file("precious", new byte[] {1, 2, 3});
        refused(FAILURE, "precious", "-s", precious, guest.toString());
        assertThat(Path.of(precious)).hasSize(3);
        assertThat(live)
                .as("a stale socket is replaced, and removed at the end")
                .exists();
        Run run = Run.of(
                folder,
                SCRIPT,
                "run",
                "-s",
                live.toString(),
                "--debug-exit",
                "port=0xf4",
                "--serial",
                "sink",
                guest.toString());
        assertThat(run.status()).as(run.err()).isEqualTo(1); // (0 << 1) | 1
        assertThat(live).doesNotExist();
    }

    @Test
    void aFullDiskCostsOutputButNotTheGuest() throws Exception {
        Run run = Run.of(
                folder,
                SCRIPT,
                "run",
                "--debug-exit",
                "port=0xf4",
                "--serial",
                "type=file,path=/dev/full",
                guest.toString());
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("/dev/full").contains("No space left");
    }

    /** KVM emulates no MMX on a device's memory: an error, with or without the extended status. */
    @ParameterizedTest
    @CsvSource({"false, 1", "true, 33"})
    void aKvmThatCannotGoOnIsAFailure(boolean isExtended, int status) throws Exception {
        byte[] rom = Rom.of("b800a08ed80ffc060000"); // mov ax, a000; mov ds, ax; paddb mm0, [0]
        List<String> command = new ArrayList<>(List.of(SCRIPT));
        if (isExtended) {
            command.add("--extended-status");
        }
        command.addAll(List.of("run", "--hypervisor", "kvm", "--mem", "32", "--bios", file("rom", rom)));
        Run run = Run.of(folder, command.toArray(String[]::new));
        assertThat(run.err()).contains("jcrosvm: error: vCPU 0: KVM could not emulate");
        assertThat(run.status()).isEqualTo(status);
    }

    @Test
    void commandsWithoutAVm() throws Exception {
        for (String command : List.of("stop", "suspend", "resume", "powerbtn", "sleepbtn")) {
            Run run = Run.of(folder, SCRIPT, command, "no-socket");
            assertThat(run.status()).isEqualTo(FAILURE);
            assertThat(run.err()).contains("no-socket").hasLineCount(1);
        }
        assertThat(Run.of(folder, SCRIPT, "stop").status()).isEqualTo(USAGE);
        assertThat(Run.of(folder, SCRIPT, "snapshot", "take", "x", "y").err()).contains("not supported yet");
    }
}
