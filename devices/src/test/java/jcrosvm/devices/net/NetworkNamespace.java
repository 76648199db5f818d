package jcrosvm.devices.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import jcrosvm.base.Libc;

/** Runs tests on a thread that has a network of its own, where taps disturb nobody. */
final class NetworkNamespace {
    private static final int CLONE_NEWNET = 0x40000000;

    private NetworkNamespace() {}

    /** Skips the test where that is not allowed. */
    static void run(Callable<?> test) throws Exception {
        assumeTrue(Files.exists(Path.of("/dev/net/tun")), "there is no /dev/net/tun");
        FutureTask<Boolean> task = new FutureTask<>(() -> {
            if (Libc.UNSHARE.callInt(CLONE_NEWNET) != 0) {
                return false;
            }
            test.call();
            return true;
        });
        Thread thread = Thread.ofPlatform().name("namespace").start(task);
        boolean ran;
        try {
            ran = task.get();
        } catch (java.util.concurrent.ExecutionException e) {
            if (e.getCause() instanceof Error error) {
                throw error;
            }
            throw (Exception) e.getCause();
        }
        thread.join();
        assumeTrue(ran, "a network namespace needs CAP_SYS_ADMIN");
    }

    /** A command that must succeed; skips the test where the program is missing. */
    static void command(String line) throws Exception {
        String program = line.substring(0, line.indexOf(' '));
        boolean there = false;
        for (String folder : new String[] {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"}) {
            there |= Files.isExecutable(Path.of(folder + program));
        }
        assumeTrue(there, "there is no program " + program);
        Process process =
                new ProcessBuilder(line.split(" ")).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(line + ": " + output).isZero();
    }
}
