package jcrosvm.devices.rng;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.Test;

class RngDeviceTest {
    @Test
    void fillsBuffersWithWhatNobodyHasSeen() {
        try (MockDriver driver = new MockDriver(new RngDevice(), VirtioFeatures.RINGS)) {
            MockQueue queue = driver.start(0, 8);
            Set<String> seen = new HashSet<>();
            for (int i = 0; i < 100; i++) {
                MockQueue.Completion done = queue.perform(queue.writable(7), queue.writable(9));
                assertThat(done.written()).isEqualTo(16);
                seen.add(java.util.HexFormat.of()
                                .formatHex(queue.content(done.buffers().get(0)))
                        + java.util.HexFormat.of()
                                .formatHex(queue.content(done.buffers().get(1))));
            }
            assertThat(seen).hasSize(100);
        }
    }
}
