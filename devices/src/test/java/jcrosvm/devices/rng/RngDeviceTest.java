package jcrosvm.devices.rng;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcrosvm.base.VmmException;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import jcrosvm.virtio.VmFacts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(MockDriver.Host.class)
class RngDeviceTest {

    private final MockDriver.Host host;

    RngDeviceTest(MockDriver.Host host) {
        this.host = host;
    }

    private static VirtioDevice device() {
        return DeviceModule.make(new RngModule(), new RngConfig(), 0, new VmFacts(1, 1 << 20));
    }

    @Test
    void fillsBuffersWithWhatNobodyHasSeen() {
        try (MockDriver driver = new MockDriver(host, device(), VirtioFeatures.RINGS)) {
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

    @Test
    void goesOnElsewhere() {
        try (MockDriver driver = new MockDriver(host, device(), VirtioFeatures.RINGS);
                MockDriver second = new MockDriver(host, device(), VirtioFeatures.RINGS)) {
            second.device().restoreState(driver.device().saveState());
            MockQueue queue = second.start(0, 8);
            assertThat(queue.perform(queue.writable(16)).written()).isEqualTo(16);
            assertThatThrownBy(() -> second.device().restoreState(new byte[1]))
                    .isInstanceOf(VmmException.class)
                    .hasMessage(host.refusedState("a state of 1 bytes is not of an entropy device"));
        }
    }

    /** FIPS 140-2 by rngtest; of a thousand blocks of a good generator one may fail now and then. */
    @Test
    void passesRngtest() throws Exception {
        assumeThat(Path.of("/usr/bin/rngtest")).as("rngtest of rng-tools5").exists();
        ByteArrayOutputStream given = new ByteArrayOutputStream();
        try (MockDriver driver = new MockDriver(host, device(), VirtioFeatures.RINGS)) {
            MockQueue queue = driver.start(0, 8);
            MockQueue.Buffer odd = queue.writable(4099);
            MockQueue.Buffer large = queue.writable(100_000);
            while (given.size() < 4 + 200 * 2500) {
                MockQueue.Completion done = queue.perform(odd, large);
                assertThat(done.written()).isBetween(1, 4099 + 100_000);
                given.write(queue.content(odd), 0, Math.min(odd.length(), done.written()));
                given.write(queue.content(large), 0, Math.max(0, done.written() - odd.length()));
            }
        }
        Process rngtest = new ProcessBuilder("/usr/bin/rngtest", "-c", "200")
                .redirectErrorStream(true)
                .start();
        Thread feeder = Thread.ofPlatform().start(() -> {
            try (OutputStream in = rngtest.getOutputStream()) {
                given.writeTo(in);
            } catch (IOException e) {
                // it takes as much as it needs
            }
        });
        String report = new String(rngtest.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        feeder.join();
        Matcher failures = Pattern.compile("FIPS 140-2 failures: (\\d+)").matcher(report);
        assertThat(failures.find()).as(report).isTrue();
        assertThat(Integer.parseInt(failures.group(1))).as(report).isLessThanOrEqualTo(4);
    }
}
