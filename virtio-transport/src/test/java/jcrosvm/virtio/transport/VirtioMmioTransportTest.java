package jcrosvm.virtio.transport;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import jcrosvm.testkit.EchoDevice;
import jcrosvm.testkit.EchoDevice.Order;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.MockQueue.Buffer;
import jcrosvm.testkit.MockQueue.Completion;
import jcrosvm.testkit.Quiet;
import jcrosvm.testkit.Rings;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The registers as a driver uses them, and as nobody should. */
class VirtioMmioTransportTest {
    private static final int STATUS = 0x70;

    static {
        Quiet.please();
    }

    private final EchoDevice device = new EchoDevice(
            Order.SHUFFLED, List.of(64, 8), VirtioFeatures.VIRTIO_F_RING_PACKED | VirtioFeatures.VIRTIO_F_RING_RESET);

    @ParameterizedTest
    @EnumSource
    void requestsAndInterruptsPass(Rings rings) {
        try (MmioMachine machine = new MmioMachine(device);
                MockDriver driver = new MockDriver(new MmioDriver(machine), rings.features, machine.memory)) {
            for (int round = 0; round < 3; round++) {
                MockQueue first = driver.start(0, 64);
                MockQueue second = driver.start(1, 8);
                assertThat(device.negotiatedFeatures()).isEqualTo(rings.features);
                for (int i = 0; i < 300; i++) {
                    perform(i % 3 == 0 ? second : first, i);
                }
                driver.reset();
                assertThat(machine.up).isFalse();
            }
        }
        device.close();
    }

    private static void perform(MockQueue queue, int value) {
        Buffer answer = queue.writable(1);
        queue.submit(queue.readable(new byte[] {(byte) value}), answer);
        queue.kickIfWanted();
        for (Completion completion : queue.await()) {
            assertThat(queue.content(answer)).containsExactly(value);
            queue.free(completion);
        }
    }

    @Test
    void suspendingKeepsEveryRequest() {
        try (MmioMachine machine = new MmioMachine(device);
                MockDriver driver =
                        new MockDriver(new MmioDriver(machine), Rings.PACKED_EVENT.features, machine.memory)) {
            MockQueue queue = driver.start(0, 64);
            for (int i = 0; i < 200; i++) {
                Buffer answer = queue.writable(1);
                queue.submit(queue.readable(new byte[] {(byte) i}), answer);
                machine.transport.suspend();
                queue.kickIfWanted();
                if (i % 2 == 0) {
                    machine.transport.suspend(); // again does no harm
                }
                machine.transport.resume();
                queue.await().forEach(queue::free);
                assertThat(queue.content(answer)).containsExactly(i);
            }
        }
        device.close();
    }

    @Test
    void saysWhatItIs() {
        try (MmioMachine machine = new MmioMachine(device)) {
            assertThat(machine.read(0)).isEqualTo(0x74726976);
            assertThat(machine.read(4)).isEqualTo(2);
            assertThat(machine.read(8)).isEqualTo(42);
            assertThat(machine.read(0x0c)).isEqualTo(0x1af4);
            assertThat(machine.read(0x10)).isEqualTo((int) VirtioFeatures.RINGS);
            machine.write(0x14, 1);
            assertThat(machine.read(0x10)).isEqualTo(1 | 1 << 2 | 1 << 8);
            machine.write(0x14, 2);
            assertThat(machine.read(0x10)).isZero();
            assertThat(machine.read(0x34)).isEqualTo(64);
            machine.write(0x30, 1);
            assertThat(machine.read(0x34)).isEqualTo(8);
            machine.write(0x30, 2);
            assertThat(machine.read(0x34)).isZero();
            assertThat(machine.read(0xb0) & machine.read(0xb4) & machine.read(0xb8) & machine.read(0xbc))
                    .as("no shared memory")
                    .isEqualTo(-1);
            assertThat(VirtioMmioTransport.kernelParameter(0xd0000000L, 5))
                    .isEqualTo("virtio_mmio.device=4096@0xd0000000:5");
        }
        device.close();
    }

    @Test
    void configurationHasGenerations() {
        try (MmioMachine machine = new MmioMachine(device)) {
            int before = machine.read(0xfc);
            assertThat(machine.read(0xfc)).isEqualTo(before);
            machine.transport.write(0x102, 2, 0xabcd);
            assertThat(machine.transport.read(0x100, 8)).isEqualTo(0xabcd0000L);
            assertThat(machine.transport.read(0x103, 1)).isEqualTo(0xab);
            assertThat(machine.read(0xfc)).isNotEqualTo(before);
            machine.transport.write(0x13e, 4, -1);
            assertThat(machine.transport.read(0x13c, 8))
                    .as("the end of the space")
                    .isEqualTo(0xffff0000L);
            assertThat(machine.transport.read(0xffc, 4)).isZero();
        }
        device.close();
    }

    @ParameterizedTest
    @ValueSource(longs = {0, VirtioFeatures.VIRTIO_F_EVENT_IDX, VirtioFeatures.VIRTIO_F_VERSION_1 | 1})
    void featuresThatCannotBeAreRefused(long features) {
        try (MmioMachine machine = new MmioMachine(device)) {
            assertThat(machine.negotiate(features)).isFalse();
            assertThat(machine.read(STATUS)).isEqualTo(3);
            machine.write(STATUS, 15);
            assertThat(machine.read(STATUS)).as("DRIVER_OK without features").isEqualTo(0x43);
            assertThat(machine.negotiate(VirtioFeatures.VIRTIO_F_VERSION_1)).isTrue();
            machine.write(0x24, 0);
            machine.write(0x20, -1);
            assertThat(machine.transport.session().driverFeatures())
                    .as("too late")
                    .isEqualTo(VirtioFeatures.VIRTIO_F_VERSION_1);
        }
        device.close();
    }

    @Test
    void featuresBehindTheLastWordAreRefused() {
        try (MmioMachine machine = new MmioMachine(device)) {
            machine.write(0x24, 2);
            machine.write(0x20, 1);
            assertThat(machine.negotiate(VirtioFeatures.VIRTIO_F_VERSION_1))
                    .as("the reset in between forgets the bit")
                    .isTrue();
            machine.write(STATUS, 0);
            machine.write(0x24, 3);
            machine.write(0x20, 0x80);
            machine.write(0x24, 1);
            machine.write(0x20, 1);
            machine.write(STATUS, 8);
            assertThat(machine.read(STATUS)).isZero();
        }
        device.close();
    }

    @Test
    void badAddressesNeedAReset() {
        try (MmioMachine machine = new MmioMachine(device)) {
            long[] bad = {8, 64 << 20, (64 << 20) - 16, -16, Long.MIN_VALUE, 0xfff1};
            for (int area = 0x80; area <= 0xa0; area += 0x10) {
                for (long address : bad) {
                    for (int size : new int[] {64, 3, 0, 128, -1, 0x10008}) {
                        assertThat(machine.negotiate(VirtioFeatures.VIRTIO_F_VERSION_1))
                                .isTrue();
                        machine.write(0x30, 0);
                        machine.write(0x38, size);
                        for (int part = 0x80; part <= 0xa0; part += 0x10) {
                            long at = part == area ? address : 0x1000L + part * 0x100L;
                            machine.write(part, (int) at);
                            machine.write(part + 4, (int) (at >>> 32));
                        }
                        machine.write(0x44, 1);
                        assertThat(machine.read(STATUS)).isEqualTo(11);
                        machine.write(STATUS, 15);
                        boolean good = size == 64 && address == 8 && area != 0x80;
                        assertThat(machine.read(STATUS) & 0x40)
                                .as("area %x at %x, size %d", area, address, size)
                                .isEqualTo(good ? 0 : 0x40);
                        assertThat(machine.up).isEqualTo(!good);
                        machine.write(STATUS, 0);
                        assertThat(machine.read(STATUS)).isZero();
                        assertThat(machine.up).isFalse();
                    }
                }
            }
        }
        device.close();
    }

    @Test
    void aQueueCanBeTakenBackAlone() {
        try (MmioMachine machine = new MmioMachine(device);
                MockDriver driver = new MockDriver(
                        new MmioDriver(machine),
                        Rings.SPLIT_EVENT.features | VirtioFeatures.VIRTIO_F_RING_RESET,
                        machine.memory)) {
            MockQueue other = driver.start(1, 8);
            for (int i = 0; i < 5; i++) {
                perform(driver.start(0, 64), i);
                machine.write(0x30, 0);
                machine.write(0xc0, 1);
                assertThat(machine.read(0xc0)).isZero();
                assertThat(machine.read(0x44)).isZero();
                driver.device().stopQueue(0);
                perform(other, i);
            }
        }
        device.close();
    }

    @Test
    void arbitraryAccessesDoNoHarm() {
        Random random = new Random(7);
        try (MmioMachine machine = new MmioMachine(device)) {
            int[] registers = {
                0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0xac, 0xc0
            };
            int[] values = {0, 1, 3, 8, 11, 15, 64, 0x1000, 0x2000, 0x3000, -1, 0x40, 0x80, 1 << 29, 1 << 28, 5};
            for (int i = 0; i < 60_000; i++) {
                int size = 1 << random.nextInt(4);
                switch (random.nextInt(8)) {
                    case 0 -> machine.transport.read(random.nextInt(0x1000 / size) * size, size);
                    case 1 -> machine.transport.write(random.nextInt(0x1000 / size) * size, size, random.nextLong());
                    case 2 -> machine.memory.putInt(0x1000 + 4 * random.nextInt(0x1000), random.nextInt());
                    case 3 -> toDriverOk(machine, random);
                    default ->
                        machine.write(
                                registers[random.nextInt(registers.length)], values[random.nextInt(values.length)]);
                }
            }
            assertThat(device.settle()).isTrue();
            assertThat(device.unexpected()).isNull();
        }
        try (MmioMachine machine = new MmioMachine(device);
                MockDriver driver = new MockDriver(new MmioDriver(machine), Rings.SPLIT.features, machine.memory)) {
            perform(driver.start(0, 64), 1);
        }
        device.close();
    }

    /** Chance alone hardly ever gets there. */
    private static void toDriverOk(MmioMachine machine, Random random) {
        if (random.nextInt(20) == 0) {
            machine.write(STATUS, 0);
            machine.write(0x24, 1);
            machine.write(0x20, random.nextBoolean() ? 1 : 5);
            machine.write(STATUS, 11);
            for (int queue = 0; queue < 2; queue++) {
                machine.write(0x30, queue);
                machine.write(0x38, 8);
                machine.write(0x80, 0x1000);
                machine.write(0x90, 0x2000);
                machine.write(0xa0, 0x3000);
                machine.write(0x44, 1);
            }
            machine.write(STATUS, 15);
        }
    }
}
