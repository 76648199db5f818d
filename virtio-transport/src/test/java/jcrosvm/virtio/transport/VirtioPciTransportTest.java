package jcrosvm.virtio.transport;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import jcrosvm.base.PciAddress;
import jcrosvm.base.io.EventFd;
import jcrosvm.bus.Bus;
import jcrosvm.bus.BusDevice;
import jcrosvm.bus.pci.PciBus;
import jcrosvm.bus.pci.PciConfigSpace;
import jcrosvm.bus.pci.PciWindows;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The function as a driver sees it: found through its capabilities, set up register by register. */
class VirtioPciTransportTest {
    private static final long BAR = 0xc000_0000L;
    private static final int MSIX_TABLE = 0x6000;
    private static final int MSIX_PENDING = 0x7000;

    private final FakeHost host = new FakeHost();
    private final FakeDevice device = new FakeDevice();
    private final VirtioPciTransport function = new VirtioPciTransport("fake0", device, host, true);
    private final BusDevice bar = function.bars().getFirst().device();
    private final List<Boolean> pin = new ArrayList<>();

    VirtioPciTransportTest() {
        function.connectIntx(pin::add);
        function.barMapped(function.bars().getFirst(), BAR);
    }

    @AfterEach
    void close() {
        function.close();
        assertThat(host.kicks).isEmpty();
        assertThat(host.watched).isEmpty();
        assertThat(host.connected).isEmpty();
        host.close();
    }

    private int capability(int type, int skip) {
        PciConfigSpace config = function.config();
        int seen = 0;
        for (int at = config.get8(PciConfigSpace.CAPABILITY_POINTER); at != 0; at = config.get8(at + 1)) {
            if (config.get8(at) == 9 && config.get8(at + 3) == type && seen++ == skip) {
                return at;
            }
        }
        throw new AssertionError("no capability " + type);
    }

    private int msix() {
        PciConfigSpace config = function.config();
        int at = config.get8(PciConfigSpace.CAPABILITY_POINTER);
        while (config.get8(at) != 0x11) {
            at = config.get8(at + 1);
        }
        return at;
    }

    private void configWrite(int offset, int size, long value) {
        function.config().write(offset, size, value);
        function.afterConfigWrite(offset, size);
    }

    private void common(int offset, int size, long value) {
        bar.write(function.config().get32(capability(1, 0) + 8) + offset, size, value);
    }

    private long common(int offset, int size) {
        return bar.read(function.config().get32(capability(1, 0) + 8) + offset, size);
    }

    private void negotiate() {
        common(0x14, 1, 1);
        common(0x14, 1, 3);
        common(8, 4, 0);
        common(0xc, 4, 1 | VirtioFeatures.VIRTIO_F_EVENT_IDX);
        common(8, 4, 1);
        common(0xc, 4, 1);
        common(0x14, 1, 0xb);
        assertThat(common(0x14, 1)).isEqualTo(0xb);
    }

    private void start(int vector) {
        negotiate();
        for (int queue = 0; queue < 2; queue++) {
            common(0x16, 2, queue);
            common(0x18, 2, 8);
            common(0x1a, 2, vector + queue);
            common(0x20, 4, 0x1000 + 0x1000 * queue);
            common(0x28, 8, 0x3000 + 0x1000 * queue);
            common(0x30, 4, 0x5000 + 0x1000 * queue);
            common(0x34, 4, 0);
            common(0x1c, 2, 1);
        }
        common(0x14, 1, 0xf);
        assertThat(device.running.keySet()).containsExactlyInAnyOrder(0, 1);
    }

    private void enableMsix() {
        configWrite(msix() + 2, 2, 1 << 15);
        for (int i = 0; i < 3; i++) {
            bar.write(MSIX_TABLE + 16 * i, 4, 0xfee00000L);
            bar.write(MSIX_TABLE + 16 * i + 8, 4, 0x40 + i);
            bar.write(MSIX_TABLE + 16 * i + 12, 4, 0);
        }
    }

    @Test
    void isAModernVirtioFunction() {
        assertThat(function.config().get16(0)).isEqualTo(0x1af4);
        assertThat(function.config().get16(2)).isEqualTo(0x1040 + 42);
        assertThat(function.config().get8(8)).isEqualTo(1);
        int shared = capability(8, 0);
        assertThat(function.config().get8(shared + 4)).isEqualTo(2);
        assertThat(function.config().get8(shared + 5)).isEqualTo(1);
        assertThat(function.config().get32(shared + 20)).isEqualTo(2); // length, high half
        assertThat(function.bars().get(1).size()).isEqualTo(1L << 33);
        assertThat(common(0x12, 2)).isEqualTo(2);
        common(0, 4, 1);
        assertThat(common(4, 4)).isEqualTo(1); // VERSION_1
        assertThat(bar.read(0x2002, 2)).isEqualTo(0x0403);
    }

    @Test
    void featuresThatWereNotOfferedAreRefused() {
        common(0x14, 1, 3);
        common(8, 4, 1);
        common(0xc, 4, 1);
        common(8, 4, 0);
        common(0xc, 4, 1 << 7);
        common(0x14, 1, 0xb);
        assertThat(common(0x14, 1)).isEqualTo(3);
    }

    @Test
    void queuesStartWithWhatTheDriverWrote() {
        start(0xffff);
        QueueResources second = device.running.get(1);
        assertThat(second.layout().descriptors()).isEqualTo(0x2000);
        assertThat(second.layout().driver()).isEqualTo(0x4000);
        assertThat(second.layout().device()).isEqualTo(0x6000);
        assertThat(second.layout().size()).isEqualTo(8);
        assertThat(device.features)
                .isEqualTo(1 | VirtioFeatures.VIRTIO_F_EVENT_IDX | VirtioFeatures.VIRTIO_F_VERSION_1);
        assertThat(host.kicks).isEmpty();
        bar.write(0x3004, 2, 0);
        assertThat(second.kick().drain()).isEqualTo(1);
        assertThat(host.kicks).hasSize(2);
        assertThat(host.kicks.get(BAR + 0x3004)).isSameAs(second.kick());
        bar.write(0x3004, 4, 0); // of a width that no event was registered for
        assertThat(second.kick().drain()).isEqualTo(1);

        common(0x14, 1, 0);
        assertThat(device.running).isEmpty();
        assertThat(device.resets).isEqualTo(1);
        assertThat(common(0x14, 1)).isZero();
    }

    @Test
    void suspendKeepsWhereQueuesStand() {
        start(0xffff);
        function.suspend();
        assertThat(device.running).isEmpty();
        function.resume();
        assertThat(device.running.get(1).state().available()).isEqualTo(6);
    }

    @Test
    void aRingOutsideOfRamNeedsAReset() {
        negotiate();
        common(0x16, 2, 0);
        common(0x20, 4, 0xffff0000L);
        common(0x1c, 2, 1);
        common(0x14, 1, 0xf);
        assertThat(common(0x14, 1) & 0x40).isEqualTo(0x40);
        assertThat(device.running).isEmpty();
    }

    @Test
    void pinWithoutMsix() {
        start(0xffff);
        device.running.get(0).interrupt().signal();
        assertThat(pin.getLast()).isTrue();
        assertThat(bar.read(0x1000, 1)).isEqualTo(1);
        assertThat(pin.getLast()).isFalse();
        long generation = common(0x15, 1);
        device.config[0] = 9;
        device.host.configChanged();
        assertThat(bar.read(0x1000, 1)).isEqualTo(2);
        assertThat(common(0x15, 1)).isNotEqualTo(generation);
    }

    @Test
    void messagesWithMasksAndPendingBits() {
        enableMsix();
        start(0);
        common(0x10, 2, 2);
        Interrupt first = device.running.get(0).interrupt();
        Interrupt second = device.running.get(1).interrupt();
        first.signal();
        second.signal();
        device.host.configChanged();
        assertThat(host.sent).containsExactly("fee00000:40", "fee00000:41", "fee00000:42");
        host.sent.clear();

        bar.write(MSIX_TABLE + 12, 4, 1);
        first.signal();
        first.signal();
        assertThat(host.sent).isEmpty();
        assertThat(bar.read(MSIX_PENDING, 4)).isEqualTo(1);
        bar.write(MSIX_TABLE + 12, 4, 0);
        assertThat(host.sent).containsExactly("fee00000:40");
        assertThat(bar.read(MSIX_PENDING, 8)).isZero();
        host.sent.clear();

        configWrite(msix() + 2, 2, 3 << 14);
        second.signal();
        assertThat(bar.read(MSIX_PENDING, 4)).isEqualTo(2);
        configWrite(msix() + 2, 2, 1 << 15);
        assertThat(host.sent).containsExactly("fee00000:41");
        assertThat(pin).doesNotContain(true);

        common(0x16, 2, 0);
        common(0x1a, 2, 77);
        assertThat(common(0x1a, 2)).isEqualTo(0xffff);
    }

    @Test
    void eventsFollowTheVector() {
        start(0);
        EventFd call = device.running.get(0).interrupt().callEvent();
        assertThat(host.watched).containsKey(call);
        host.watched.get(call).run();
        assertThat(pin.getLast()).isTrue();
        enableMsix();
        common(0x16, 2, 0);
        common(0x1a, 2, 1);
        assertThat(host.connected).containsEntry(call, "fee00000:41");
        assertThat(host.watched).isEmpty();
        bar.write(MSIX_TABLE + 16 + 12, 4, 1);
        assertThat(host.connected).isEmpty();
        call.signal();
        assertThat(bar.read(MSIX_PENDING, 4)).isEqualTo(2);
        bar.write(MSIX_TABLE + 16 + 12, 4, 0);
        assertThat(host.connected).containsEntry(call, "fee00000:41");
    }

    /** Off the bus and closed, it has nothing of its machine any more. */
    @Test
    void aRemovedFunctionGivesEverythingBack() {
        Bus memory = Bus.memory();
        List<Boolean> line = new ArrayList<>();
        PciWindows windows = new PciWindows(
                new PciWindows.Window(0xd000, 0x1000),
                new PciWindows.Window(BAR, 1 << 24),
                new PciWindows.Window(1L << 40, 1L << 38));
        PciBus pci = new PciBus(memory, Bus.ports(), windows, List.of(9), gsi -> line::add);
        PciAddress address = pci.add(function, null);
        pci.allocate();
        enableMsix();
        start(0);
        EventFd call = device.running.get(0).interrupt().callEvent();
        long at = memory.ranges().getFirst().base();
        memory.write(at + 0x3000, 2, 0);
        assertThat(host.kicks).hasSize(2);
        assertThat(host.connected).containsKey(call);
        Interrupt late = device.running.get(1).interrupt();

        pci.remove(address);
        assertThat(host.kicks).isEmpty();
        assertThat(memory.ranges()).isEmpty();
        assertThat(pci.read(0, 1 << 3, 0, 4)).isEqualTo(0xffffffffL);
        function.close();
        assertThat(device.running).isEmpty();
        assertThat(host.connected).isEmpty();
        late.signal();
        bar.write(0x3000, 2, 0); // accesses under way still finish
        common(0x14, 1, 0xf);
        common(0x1c, 2, 1);
        assertThat(host.kicks).isEmpty();
        assertThat(device.running).isEmpty();
        assertThat(line).doesNotContain(true);
    }

    @Test
    void registersThroughConfigurationSpace() {
        int window = capability(5, 0);
        configWrite(window + 4, 1, 0);
        configWrite(window + 8, 4, 0x2004);
        configWrite(window + 12, 4, 2);
        function.beforeConfigRead(window + 16, 4);
        assertThat(function.config().read(window + 16, 2)).isEqualTo(0x0605);
        configWrite(window + 16, 2, 0x1234);
        assertThat(device.config[4]).isEqualTo((byte) 0x34);
        configWrite(window + 12, 4, 3); // no width
        configWrite(window + 16, 2, 0);
        configWrite(window + 8, 4, 0xfffffff0L);
        configWrite(window + 12, 4, 4);
        function.beforeConfigRead(window + 16, 4);
        assertThat(device.config[4]).isEqualTo((byte) 0x34);
    }

    @Test
    void whateverADriverWrites() {
        long seed = Long.getLong("jcrosvm.test.seed", System.nanoTime());
        Random random = new Random(seed);
        int[] places = {
            0, 4, 8, 0xc, 0x10, 0x14, 0x14, 0x16, 0x18, 0x1a, 0x1c, 0x20, 0x24, 0x28, 0x30, 0x1000, 0x2000, 0x3000,
            0x6000, 0x600c, 0x7000
        };
        for (int i = 0; i < 200_000; i++) {
            int size = 1 << random.nextInt(4);
            long offset = places[random.nextInt(places.length)] + (random.nextInt(8) == 0 ? random.nextInt(64) : 0);
            if (random.nextInt(50) == 0) {
                offset = random.nextInt(0x8000 - 8);
            }
            long value = switch (random.nextInt(4)) {
                case 0 -> random.nextInt(16);
                case 1 -> 1L << random.nextInt(64);
                case 2 -> random.nextInt(1 << 20) & -16;
                default -> random.nextLong();
            };
            if (random.nextInt(20) == 0) {
                configWrite(0x40 + random.nextInt(0xb0), 1 << random.nextInt(3), value);
            } else if (random.nextBoolean()) {
                bar.write(offset, size, value);
            } else {
                bar.read(offset, size);
            }
        }
        common(0x14, 1, 0);
        assertThat(common(0x14, 1)).as("seed %d", seed).isZero();
        assertThat(device.running).isEmpty();
    }
}
