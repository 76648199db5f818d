package jcrosvm.virtio.transport;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import jcrosvm.testkit.EchoDevice;
import jcrosvm.testkit.EchoDevice.Order;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.testkit.MockQueue.Completion;
import jcrosvm.testkit.Rings;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Devices that are saved with requests under way, and restored as new ones. */
class SavedWorkTest {
    private static final int MOVES = 40;

    private final long seed = new Random().nextLong();
    private final List<EchoDevice> devices = new ArrayList<>();

    private EchoDevice device() {
        EchoDevice device = new EchoDevice(Order.SHUFFLED, List.of(16), VirtioFeatures.VIRTIO_F_RING_PACKED);
        devices.add(device);
        return device;
    }

    @ParameterizedTest
    @EnumSource
    void everyRequestIsAnsweredOnce(Rings rings) {
        Random random = new Random(seed);
        try (MmioMachine machine = new MmioMachine(device());
                MockDriver driver = new MockDriver(new MmioDriver(machine), rings.features, machine.memory)) {
            MockQueue queue = driver.start(0, 16);
            Map<Integer, Buffer> answers = new HashMap<>();
            Map<Integer, Byte> expected = new HashMap<>();
            for (int move = 0; move < MOVES; move++) {
                submit(queue, random, answers, expected);
                if (random.nextBoolean()) {
                    queue.kickIfWanted();
                }
                machine.transport.suspend();
                submit(queue, random, answers, expected); // available, and not taken by the device that is saved
                if (random.nextBoolean()) {
                    queue.kickIfWanted();
                }
                machine.move(device());
                machine.transport.resume();
                if (random.nextInt(4) > 0) {
                    drain(queue, answers, expected);
                }
            }
            drain(queue, answers, expected);
            assertThat(queue.poll()).as("seed %d", seed).isEmpty();
        }
        devices.forEach(device -> assertThat(device.unexpected()).isNull());
        devices.forEach(EchoDevice::close);
    }

    private static void submit(
            MockQueue queue, Random random, Map<Integer, Buffer> answers, Map<Integer, Byte> expected) {
        for (int n = random.nextInt(3); n > 0 && queue.room() >= 2; n--) {
            byte value = (byte) random.nextInt();
            Buffer answer = queue.writable(1);
            int id = queue.submit(queue.readable(new byte[] {value}), answer);
            answers.put(id, answer);
            expected.put(id, value);
        }
    }

    private void drain(MockQueue queue, Map<Integer, Buffer> answers, Map<Integer, Byte> expected) {
        while (queue.inFlight() > 0) {
            for (Completion completion : queue.await()) { // fails when there is no interrupt for it
                assertThat(queue.content(answers.remove(completion.id())))
                        .as("seed %d", seed)
                        .containsExactly(expected.remove(completion.id()));
                queue.free(completion);
            }
        }
        assertThat(expected).isEmpty();
    }

    @Test
    void aDeviceThatNeedsAResetStillDoes() {
        try (MmioMachine machine = new MmioMachine(device());
                MockDriver driver = new MockDriver(new MmioDriver(machine), Rings.SPLIT.features, machine.memory)) {
            MockQueue queue = driver.start(0, 16);
            queue.available(99);
            queue.kick();
            devices.getFirst().settle();
            machine.move(device());
            machine.transport.resume();
            assertThat(machine.read(0x70) & 0x40).isEqualTo(0x40);
            driver.reset();
            MockQueue again = driver.start(0, 16);
            again.perform(again.readable(new byte[] {5}), again.writable(1));
        }
        devices.forEach(EchoDevice::close);
    }
}
