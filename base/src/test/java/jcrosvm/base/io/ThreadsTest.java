package jcrosvm.base.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.ArrayList;
import java.util.List;
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

    private static void run(Thread thread) {
        thread.start();
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
