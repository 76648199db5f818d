package jcrosvm.base.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import org.junit.jupiter.api.Test;

class ThreadsTest {
    @Test
    void helpersOfAPinnedThreadAreNotPinned() throws Exception {
        List<Integer> before = Threads.cpus();
        assumeTrue(before.size() > 1, "one CPU only");
        List<Integer> pinned = new ArrayList<>();
        List<Integer> inherited = new ArrayList<>();
        List<Integer> helper = new ArrayList<>();
        Thread vcpu = new Thread(() -> {
            Threads.pinTo(before.subList(1, 2));
            pinned.addAll(Threads.cpus());
            run(new Thread(() -> inherited.addAll(Threads.cpus())));
            run(ThreadScope.current().unstarted("helper", 0, () -> helper.addAll(Threads.cpus())));
        });
        run(vcpu);
        assertThat(pinned).isEqualTo(before.subList(1, 2));
        assertThat(inherited).as("what Linux does").isEqualTo(pinned);
        assertThat(helper).isEqualTo(before);
        assertThat(Threads.cpus()).isEqualTo(before);
    }

    /** With the right to it; without, the error says which priority was asked for. */
    @Test
    void realTimeIsNotInherited() {
        List<String> policies = new ArrayList<>();
        run(new Thread(() -> {
            try {
                Threads.realTime(10);
                policies.add(policy());
            } catch (OsException e) {
                assertThat(e.errno()).isEqualTo(Errno.EPERM);
                assertThat(e).hasMessageContaining("real-time priority 10");
                policies.add("2");
            }
            run(new Thread(() -> policies.add(policy())));
        }));
        assertThat(policies).containsExactly("2", "0");
    }

    private static String policy() {
        try {
            String stat = Files.readString(Path.of("/proc/thread-self/stat"));
            return stat.substring(stat.lastIndexOf(')') + 2).split(" ")[38];
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void run(Thread thread) {
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
