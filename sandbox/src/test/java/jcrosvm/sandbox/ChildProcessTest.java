package jcrosvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import jcrosvm.base.Libc;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.SpawnedProcess.Ending;
import jcrosvm.base.io.UnixSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 120, unit = TimeUnit.SECONDS)
class ChildProcessTest {
    private static final int PLENTY = 60_000;
    private static final int F_DUPFD = 0;

    @TempDir
    private Path dir;

    private static ChildProcess shell(String script, Fd... descriptors) {
        ProgramCommand command = new ProgramCommand(Path.of("/bin/sh"), List.of("sh", "-c"));
        return ChildProcess.start("test", command, List.of(script), List.of(descriptors));
    }

    private static Ending ending(ChildProcess child) {
        assertThat(child.await(PLENTY)).isTrue();
        return child.ending();
    }

    private static List<String> descriptors(long pid) throws IOException {
        try (Stream<Path> all = Files.list(Path.of("/proc/" + pid + "/fd"))) {
            return all.map(fd -> fd.getFileName().toString()).sorted().toList();
        }
    }

    private static boolean exists(long pid) {
        return Files.exists(Path.of("/proc/" + pid));
    }

    @Test
    void tellsTheExitCode() {
        for (int code : new int[] {0, 1, 57, 255}) {
            Ending ending = ending(shell("exit " + code));
            assertThat(ending).isEqualTo(new Ending(false, code));
            assertThat(ending.isGood()).isEqualTo(code == 0);
            assertThat(ending).hasToString("has ended with exit code " + code);
        }
    }

    @Test
    void tellsTheSignal() {
        assertThat(ending(shell("kill -TERM $$"))).isEqualTo(new Ending(true, 15));
        assertThat(ending(shell("kill -KILL $$"))).hasToString("was ended by signal 9 (SIGKILL)");
    }

    @Test
    void isKilledAndReaped() {
        ChildProcess child = shell("exec sleep 1000");
        assertThat(child.await(20)).isFalse();
        assertThat(child.ending()).isNull();
        assertThat(exists(child.pid())).isTrue();
        child.kill();
        assertThat(ending(child)).isEqualTo(new Ending(true, 9));
        assertThat(exists(child.pid())).isFalse();
        child.kill(); // does nothing: the number may be another's by now
    }

    @Test
    void actionsRunOnceAfterTheEnd() throws Exception {
        CountDownLatch before = new CountDownLatch(1);
        ChildProcess child = shell("exec sleep 1000");
        child.onEnd(before::countDown);
        child.kill();
        assertThat(before.await(PLENTY, TimeUnit.MILLISECONDS)).isTrue();
        CountDownLatch after = new CountDownLatch(1);
        child.onEnd(after::countDown);
        assertThat(after.getCount()).isZero();
    }

    @Test
    void aProgramThatIsNotThereIsAnError() {
        ProgramCommand command = new ProgramCommand(dir.resolve("none"), List.of("none"));
        assertThatThrownBy(() -> ChildProcess.start("test", command, List.of(), List.of()))
                .isInstanceOf(VmmException.class)
                .hasMessageStartingWith("cannot start " + dir.resolve("none") + ": ");
    }

    @Test
    void theChildHasItsDescriptorsAndNoOthers() throws Exception {
        Fd file = Fd.open(dir.resolve("file"), Fd.O_RDWR | Fd.O_CREAT, 0600);
        // One that programs are meant to inherit, as those that a user hands over.
        int inherited = Libc.check("dup", Libc.FCNTL.callInt(file.number(), F_DUPFD, 100));
        try (file;
                Fd alsoInherited = Fd.adopt(inherited)) {
            assertThat(alsoInherited.isOpen()).isTrue();
            ChildProcess child = shell("exec sleep 1000", file, file, file, file);
            try {
                while (!Files.readString(Path.of("/proc/" + child.pid() + "/comm"))
                        .equals("sleep\n")) {
                    Thread.onSpinWait();
                }
                assertThat(descriptors(child.pid())).containsExactly("0", "1", "2", "3");
            } finally {
                child.kill();
            }
            assertThat(child.await(PLENTY)).isTrue();
        }
    }

    /** The lowest numbers are the likeliest to be overwritten while others are put in their places. */
    @Test
    void descriptorsMayStandInAnyOrder() throws Exception {
        List<Fd> files = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            files.add(Fd.open(dir.resolve("file" + i), Fd.O_RDWR | Fd.O_CREAT, 0600));
        }
        try {
            ChildProcess child = shell(
                    "echo a >&1; echo b >&2; echo c >&3; echo d >&4; echo e >&5",
                    files.get(0),
                    files.get(5),
                    files.get(4),
                    files.get(3),
                    files.get(2),
                    files.get(1));
            assertThat(ending(child).isGood()).isTrue();
            for (int i = 1; i < 6; i++) {
                assertThat(dir.resolve("file" + i)).hasContent(String.valueOf((char) ('f' - i)));
            }
        } finally {
            files.forEach(Fd::close);
        }
    }

    @Test
    void theEnvironmentIsNotTheUsers() throws Exception {
        assertThat(System.getenv()).hasSizeGreaterThan(2);
        Path out = dir.resolve("out");
        try (Fd file = Fd.open(out, Fd.O_RDWR | Fd.O_CREAT, 0600)) {
            ProgramCommand env = new ProgramCommand(Path.of("/usr/bin/env"), List.of("env"));
            assertThat(ending(ChildProcess.start("test", env, List.of(), List.of(file, file, file)))
                            .isGood())
                    .isTrue();
        }
        assertThat(out).hasContent("LC_ALL=C.UTF-8\nPATH=/usr/bin:/bin");
    }

    @Test
    void nothingIsLeftOpenHere() throws Exception {
        ending(shell("exit 0")); // whatever the first of them needs
        long own = ProcessHandle.current().pid();
        int before = descriptors(own).size();
        for (int i = 0; i < 20; i++) {
            ending(shell("exit 0"));
        }
        ProgramCommand none = new ProgramCommand(dir.resolve("none"), List.of("none"));
        for (int i = 0; i < 20; i++) {
            assertThatThrownBy(() -> ChildProcess.start("test", none, List.of(), List.of()));
        }
        assertThat(descriptors(own)).hasSizeLessThanOrEqualTo(before);
    }

    @Test
    void whatTheChildSendsIsHandledOnItsThread() throws Exception {
        List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.SEQPACKET);
        List<String> threads = new ArrayList<>();
        CountDownLatch seen = new CountDownLatch(1);
        try (UnixSocket ours = pair.get(0);
                UnixSocket theirs = pair.get(1)) {
            ChildProcess child =
                    shell("sleep 0.2; echo x >&3; exec sleep 1000", theirs.fd(), theirs.fd(), theirs.fd(), theirs.fd());
            child.watch(ours.fd(), events -> {
                assertThat(ours.receive(10).data()).isEqualTo(new byte[] {'x', '\n'});
                threads.add(Thread.currentThread().getName());
                seen.countDown();
            });
            assertThat(seen.await(PLENTY, TimeUnit.MILLISECONDS)).isTrue();
            child.unwatch(ours.fd());
            child.kill();
            assertThat(child.await(PLENTY)).isTrue();
        }
        assertThat(threads).containsExactly("test");
    }

    /** A program that starts a child, as the VM does, and ends by force. */
    static final class Parent {
        private Parent() {}

        public static void main(String[] words) throws Exception {
            try (Fd out = Fd.adopt(1).duplicate()) {
                Thread starter = new Thread(() -> ChildProcess.start(
                        "child",
                        ProgramCommand.ofClass(Orphan.class),
                        List.of(String.valueOf(ProcessHandle.current().pid())),
                        List.of(out, out, out)));
                starter.start();
                starter.join(); // its end is not the parent's
                Thread.sleep(Long.MAX_VALUE);
            }
        }
    }

    /** Its child. */
    static final class Orphan {
        private Orphan() {}

        public static void main(String[] words) throws Exception {
            boolean hasParent = jcrosvm.base.io.SpawnedProcess.dieWithParent(Integer.parseInt(words[0]));
            System.out.println(hasParent ? ProcessHandle.current().pid() : "no parent");
            System.out.flush();
            Thread.sleep(Long.MAX_VALUE);
        }
    }

    @Test
    void aParentThatIsKilledLeavesNoChild() throws Exception {
        Path out = dir.resolve("out");
        try (Fd file = Fd.open(out, Fd.O_RDWR | Fd.O_CREAT | Fd.O_APPEND, 0600)) {
            ChildProcess parent = ChildProcess.start(
                    "parent", ProgramCommand.ofClass(Parent.class), List.of(), List.of(file, file, file));
            String said = "";
            for (int i = 0; i < PLENTY / 10 && !said.endsWith("\n") && parent.ending() == null; i++) {
                Thread.sleep(10);
                said = Files.readString(out);
            }
            assertThat(said).matches("\\d+\\n");
            long child = Long.parseLong(said.strip());
            Thread.sleep(200); // the thread that asked for it has ended long ago
            assertThat(exists(child)).isTrue();
            parent.kill();
            assertThat(parent.await(PLENTY)).isTrue();
            for (int i = 0; i < PLENTY / 10 && isRunning(child); i++) {
                Thread.sleep(10);
            }
            assertThat(isRunning(child)).isFalse();
        }
    }

    /** Whether it is there and no zombie, which the init process of a container may leave for long. */
    private static boolean isRunning(long pid) throws IOException {
        Path stat = Path.of("/proc/" + pid + "/stat");
        try {
            return Files.readString(stat).replaceFirst(".*\\) ", "").charAt(0) != 'Z';
        } catch (IOException e) {
            return false;
        }
    }
}
