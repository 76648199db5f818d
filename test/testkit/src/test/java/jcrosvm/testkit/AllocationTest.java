package jcrosvm.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;
import jcrosvm.testkit.EchoDevice.Order;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A device's thread allocates nothing per request; the indices of a split ring go round more than once meanwhile. */
class AllocationTest {
    private static final int REQUESTS = 40_000;
    /** The JIT compiler needs some of them until what is not needed is not allocated. */
    private static final int MOST_RUNS = 100;

    private static final int ENOUGH = REQUESTS / 40;

    @ParameterizedTest
    @EnumSource
    void workersAllocateNothing(Rings rings) {
        EchoDevice device = new EchoDevice(Order.SHUFFLED, List.of(256), VirtioFeatures.VIRTIO_F_RING_PACKED);
        try (MockDriver driver = new MockDriver(device, rings.features)) {
            MockQueue queue = driver.start(0, 256);
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long worker = device.thread().threadId();
            long least = Long.MAX_VALUE;
            for (int run = 0; run < MOST_RUNS && least > ENOUGH; run++) {
                long before = threads.getThreadAllocatedBytes(worker);
                stream(queue, rings);
                least = Math.min(least, threads.getThreadAllocatedBytes(worker) - before);
            }
            assertThat(least).as("bytes for %d requests", REQUESTS).isLessThanOrEqualTo(ENOUGH);
        }
    }

    private static void stream(MockQueue queue, Rings rings) {
        Buffer question = queue.readable(new byte[16]);
        Buffer answer = queue.writable(16);
        for (int done = 0, sent = 0; done < REQUESTS; ) {
            for (int batch = 8; batch > 0 && sent < REQUESTS && queue.room() >= 2; batch--, sent++) {
                if (rings.indirect()) {
                    queue.submitIndirect(question, answer);
                } else {
                    queue.submit(question, answer);
                }
            }
            queue.kickIfWanted();
            done += queue.await().size();
        }
    }
}
