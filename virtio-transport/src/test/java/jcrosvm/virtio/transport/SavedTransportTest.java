package jcrosvm.virtio.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import jcrosvm.base.VmmException;
import jcrosvm.bus.BusDevice;
import jcrosvm.bus.pci.PciConfigSpace;
import jcrosvm.bus.testing.FakeLine;
import jcrosvm.bus.testing.Saved;
import jcrosvm.bus.testing.StateCoverage;
import jcrosvm.virtio.QueueResources;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Transports saved in the middle of everything, and restored around new devices. */
class SavedTransportTest {
    private static final long PLACE = 0xc000_0000L;
    private static final int STATUS = 0x14;
    private static final int ISR = 0x1000;
    private static final int MSIX_TABLE = 0x6000;

    private final FakeHost host = new FakeHost();

    @AfterEach
    void close() {
        host.close();
    }

    /** A PCI function with its driver. */
    private final class Function implements AutoCloseable {
        final FakeDevice device = new FakeDevice();
        final FakeLine line = new FakeLine();
        final VirtioPciTransport transport = new VirtioPciTransport("fake0", device, host, true);
        final BusDevice bar = transport.bars().getFirst().device();
        final int control = capability(0x11) + 2;

        Function() {
            transport.connectIntx(line);
            transport.barMapped(transport.bars().getFirst(), PLACE);
        }

        private int capability(int id) {
            PciConfigSpace config = transport.config();
            int at = config.get8(PciConfigSpace.CAPABILITY_POINTER);
            while (config.get8(at) != id) {
                at = config.get8(at + 1);
            }
            return at;
        }

        void control(int value) {
            transport.config().write(control, 2, value);
            transport.afterConfigWrite(control, 2);
        }

        void start() {
            bar.write(STATUS, 1, 3);
            bar.write(8, 4, 1);
            bar.write(0xc, 4, 1);
            bar.write(STATUS, 1, 0xb);
            bar.write(0x10, 2, 2); // the configuration's vector
            for (int queue = 0; queue < 2; queue++) {
                bar.write(0x16, 2, queue);
                bar.write(0x18, 2, 8);
                bar.write(0x1a, 2, queue);
                bar.write(0x20, 4, 0x1000 + 0x1000 * queue);
                bar.write(0x28, 8, 0x3000 + 0x1000 * queue);
                bar.write(0x30, 4, 0x5000 + 0x1000 * queue);
                bar.write(0x1c, 2, 1);
            }
            bar.write(STATUS, 1, 0xf);
            assertThat(device.running).hasSize(2);
        }

        void enableMsix() {
            control(1 << 15);
            for (int i = 0; i < 3; i++) {
                bar.write(MSIX_TABLE + 16 * i, 4, 0xfee00000L);
                bar.write(MSIX_TABLE + 16 * i + 8, 4, 0x40 + i);
                bar.write(MSIX_TABLE + 16 * i + 12, 4, 0);
            }
        }

        /** The same function in another machine, suspended. */
        Function moved() {
            transport.suspend();
            Function other = new Function();
            other.transport.suspend();
            other.transport.config().write(control, 2, transport.config().get16(control)); // as the bus restores it
            Saved.move(transport, other.transport);
            return other;
        }

        @Override
        public void close() {
            transport.close();
        }
    }

    @Test
    void queuesGoOnWhereTheyStood() {
        try (Function first = new Function()) {
            first.start();
            QueueResources before = first.device.running.get(1);
            first.device.config[2] = 77;
            try (Function second = first.moved()) {
                assertThat(second.device.running).isEmpty();
                second.transport.resume();
                QueueResources after = second.device.running.get(1);
                assertThat(after.layout()).isEqualTo(before.layout());
                assertThat(after.features()).isEqualTo(before.features());
                assertThat(after.state().available()).isEqualTo(6);
                assertThat(after.kick().drain())
                        .as("a kick that may have been lost")
                        .isEqualTo(1);
                assertThat(second.device.features).isEqualTo(first.device.features);
                assertThat(second.device.config).isEqualTo(first.device.config);
                assertThat(second.bar.read(0x16, 2)).as("the selected queue").isEqualTo(1);
            }
        }
    }

    @Test
    void aMaskedMessageIsSentOnceAfterwards() {
        try (Function first = new Function()) {
            first.enableMsix();
            first.start();
            first.bar.write(MSIX_TABLE + 12, 4, 1);
            first.device.running.get(0).interrupt().signal();
            first.device.running.get(1).interrupt().signal();
            assertThat(host.sent).containsExactly("fee00000:41");
            try (Function second = first.moved()) {
                second.transport.resume();
                assertThat(host.sent).hasSize(1);
                second.bar.write(MSIX_TABLE + 12, 4, 0);
                second.device.running.get(1).interrupt().signal();
                second.device.host.configChanged();
                assertThat(host.sent).containsExactly("fee00000:41", "fee00000:40", "fee00000:41", "fee00000:42");
                assertThat(second.line.isUp()).isFalse();
            }
        }
    }

    @Test
    void anAssertedPinStaysSoUntilItIsAcknowledged() {
        try (Function first = new Function()) {
            first.start();
            first.device.running.get(0).interrupt().signal();
            try (Function second = first.moved()) {
                assertThat(second.line.isUp()).isTrue();
                second.transport.resume();
                assertThat(second.bar.read(ISR, 1)).isEqualTo(1);
                assertThat(second.bar.read(ISR, 1)).isZero();
                assertThat(second.line.isUp()).isFalse();
                assertThat(host.sent).isEmpty();
            }
        }
    }

    @Test
    void theDriverIsToldOfAConfigurationThatIsNotTheSavedOne() {
        try (Function first = new Function();
                Function second = new Function()) {
            first.start();
            long generation = first.bar.read(0x15, 1);
            first.transport.suspend();
            second.transport.suspend();
            String changed = Saved.text(first.transport).replaceFirst("\"config\": \"01", "\"config\": \"99");
            Saved.restore(second.transport, changed);
            assertThat(second.bar.read(0x15, 1)).isNotEqualTo(generation);
            assertThat(second.bar.read(ISR, 1)).as("a configuration interrupt").isEqualTo(2);
        }
    }

    private static void start(VirtioMmioTransport transport, int... queues) {
        transport.write(0x70, 4, 3);
        transport.write(0x24, 4, 1);
        transport.write(0x20, 4, 1);
        transport.write(0x70, 4, 0xb);
        for (int queue : queues) {
            transport.write(0x30, 4, queue);
            transport.write(0x80, 4, 0x1000);
            transport.write(0x90, 4, 0x2000);
            transport.write(0xa0, 4, 0x3000);
            transport.write(0x44, 4, 1);
        }
        transport.write(0x70, 4, 0xf);
        transport.write(0xac, 4, 1);
    }

    @Test
    void registersOfMemoryMappedDevicesMoveToo() {
        FakeLine up = new FakeLine();
        FakeLine other = new FakeLine();
        FakeDevice device = new FakeDevice();
        FakeDevice fresh = new FakeDevice();
        try (VirtioMmioTransport first = new VirtioMmioTransport("fake0", device, host, 0xd000_0000L, up, 0);
                VirtioMmioTransport second = new VirtioMmioTransport("fake0", fresh, host, 0xd000_0000L, other, 0)) {
            start(first, 1);
            device.host.configChanged();
            first.suspend();
            second.suspend();
            Saved.move(first, second);
            second.resume();
            assertThat(other.isUp()).isTrue();
            assertThat(second.read(0x60, 4)).isEqualTo(2);
            assertThat(second.read(0xb0, 4) | second.read(0xb4, 4) << 32).isEqualTo(1L << 33);
            assertThat(second.read(0x44, 4)).isEqualTo(1);
            assertThat(fresh.running.keySet()).containsExactly(1);
            second.write(0x64, 4, 2);
            assertThat(other.isUp()).isFalse();
        }
    }

    /** A replacement in the saved text, and the message it must lead to. */
    private static final Map<String, String> HOSTILE = new TreeMap<>(Map.ofEntries(
            Map.entry("\"status\": 15>\"status\": 31", "the device status is 0x1f"),
            Map.entry("\"status\": 15>\"status\": 7", "DRIVER_OK without FEATURES_OK"),
            Map.entry("\"features\": 4294967296>\"features\": 4294967424", "the features 0x100000080"),
            Map.entry("\"features\": 4294967296>\"features\": 0", "the features 0x0 of the saved driver"),
            Map.entry("\"unknown-features\": false>\"unknown-features\": true", "the features 0x100000000"),
            Map.entry("\"size\": 8>\"size\": 0", "queue 0: size 0 is not 1 to 8"),
            Map.entry("\"size\": 8>\"size\": 7", "queue 0: size 7 is not a power of two"),
            Map.entry("\"size\": 8>\"size\": -8", "queue 0: size -8"),
            Map.entry("\"descriptors\": 4096>\"descriptors\": 1048568", "queue 0: descriptor table at 0xffff8"),
            Map.entry("\"descriptors\": 4096>\"descriptors\": -16", "queue 0: descriptor table at"),
            Map.entry("\"driver\": 12288>\"driver\": 9223372036854775806", "queue 0: available ring"),
            Map.entry("\"device\": 20480>\"device\": 20481", "queue 0: used ring at 0x5001"),
            Map.entry("\"available\": 5>\"available\": 65536", "the available position is 65536"),
            Map.entry("\"used\": 5>\"used\": -1", "the used position is -1"),
            Map.entry("\"enabled\": true>\"enabled\": false", "not enabled has no position"),
            Map.entry("\"config\": \"0102030405060708\">\"config\": \"01\"", "1 bytes of configuration space"),
            Map.entry("\"config\": 2>\"config\": 3", "an MSI-X vector number is 3"),
            Map.entry("\"config\": 2>\"config\": -1", "an MSI-X vector number is -1"),
            Map.entry("\"interrupt-status\": 0>\"interrupt-status\": 4", "the interrupt status is 0x4"),
            Map.entry("\"queue\": 1>\"queue\": 65536", "the queue selector is 65536"),
            Map.entry("\"shared-memory\": 0>\"shared-memory\": 1", "the shared memory selector")));

    @Test
    void hostileStatesAreRefused() {
        try (Function first = new Function();
                Function second = new Function()) {
            first.start();
            first.transport.suspend();
            second.transport.suspend();
            String saved = Saved.text(first.transport);
            String before = Saved.text(second.transport);
            HOSTILE.forEach((replacement, message) -> {
                String[] parts = replacement.split(">");
                assertThat(saved).contains(parts[0]);
                String bad = saved.replaceFirst(Pattern.quote(parts[0]), parts[1]);
                assertThatThrownBy(() -> Saved.restore(second.transport, bad))
                        .as(replacement)
                        .isInstanceOf(VmmException.class)
                        .hasMessageContaining(message);
                assertThat(Saved.text(second.transport)).isEqualTo(before);
            });
            String ofAnotherDevice = saved.replace("\"device\": \"0102030405060708\"", "\"device\": \"01\"");
            assertThatThrownBy(() -> Saved.restore(second.transport, ofAnotherDevice))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("the device does not take its saved state");
            Saved.restore(second.transport, saved);
            assertThat(Saved.text(second.transport)).isEqualTo(saved);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aStateOfAnotherTransportIsRefused(boolean toPci) {
        try (Function function = new Function();
                VirtioMmioTransport mmio =
                        new VirtioMmioTransport("fake0", new FakeDevice(), host, 0xd000_0000L, level -> {}, 0)) {
            function.transport.suspend();
            mmio.suspend();
            assertThatThrownBy(() -> (toPci ? function.transport : mmio)
                            .restore(toPci ? mmio.state() : function.transport.state()))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("PCI function");
        }
    }

    @Test
    void nothingThatChangesIsForgotten() {
        try (Function function = new Function();
                VirtioMmioTransport mmio =
                        new VirtioMmioTransport("fake0", new FakeDevice(), host, 0xd000_0000L, level -> {}, 0)) {
            function.start();
            start(mmio, 0, 1);
            function.transport.suspend();
            mmio.suspend();
            new StateCoverage(Map.ofEntries(
                            Map.entry("VirtioPciTransport.config", "in the state of the bus"),
                            Map.entry("VirtioPciTransport.bars", "decided before the guest runs"),
                            Map.entry("VirtioPciTransport.msix", "has a test of its own"),
                            Map.entry("PciInterrupt.msix", "has a test of its own"),
                            Map.entry("PciInterrupt.host", "of this machine"),
                            Map.entry("PciInterrupt.line", "of this machine"),
                            Map.entry("PciInterrupt.calls", "of this host"),
                            Map.entry("PciInterrupt.connected", "follows from the vectors"),
                            Map.entry("MmioInterrupt.host", "of this machine"),
                            Map.entry("MmioInterrupt.calls", "of this host"),
                            Map.entry("Kicks.host", "of this machine"),
                            Map.entry("Kicks.at", "as the BAR is mapped"),
                            Map.entry("Kicks.registered", "when the first kick comes"),
                            Map.entry("DeviceSession.device", "has a state of its own"),
                            Map.entry("DeviceSession.status", "cannot be changed by this test"),
                            Map.entry("DeviceSession.suspended", "what the user has asked for"),
                            Map.entry("DeviceSession.closed", "of this machine"),
                            Map.entry("GuardedDevice.device", "has a state of its own"),
                            Map.entry("SavedSession.device", "has a state of its own"),
                            Map.entry("SavedSession.status", "cannot be changed by this test"),
                            Map.entry("SessionHost.status", "cannot be changed by this test"),
                            Map.entry("SessionQueues.memory", "has a state of its own"),
                            Map.entry("QueueRegisters.kick", "of this host"),
                            Map.entry("QueueRegisters.running", "not while it is suspended"),
                            Map.entry("ConfigSpace.device", "has a state of its own"),
                            Map.entry("ConfigSpace.generation", "cannot be changed by this test"),
                            Map.entry("ConfigSpace.last", "compared anew for each state"),
                            Map.entry("ConfigSpace.now", "to compare with")))
                    .check(function.transport)
                    .check(mmio)
                    .assertComplete()
                    .assertEveryClass(Path.of("target/classes"), "jcrosvm.virtio.transport.", Map.of());
        }
    }
}
