package jcrosvm.bus.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import jcrosvm.base.PciAddress;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.bus.Bus;
import jcrosvm.bus.MessageInterrupt;
import jcrosvm.bus.testing.FakeLine;
import jcrosvm.bus.testing.Saved;
import jcrosvm.bus.testing.StateCoverage;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** PCI as it is saved: driven anywhere by a guest, then moved to another machine. */
class PciStateTest {
    private static final int ACCESSES = 3000;
    private static final PciWindows WINDOWS = new PciWindows(
            new PciWindows.Window(0xd000, 0x3000),
            new PciWindows.Window(0xd000_0000L, 0x2000_0000L),
            new PciWindows.Window(1L << 40, 1L << 38));
    private static final int[] DEVICES = {0, 1, 2, 3, 30, 31};
    private static final long[] PLACES = {0xd000_0000L, 0xd010_0000L, 0xd000, 0xd020, 0xffff_ffffL, 0, 1L << 40};

    private final long seed = new Random().nextLong();

    /** Three functions on bus 0, one behind a bridge, and one in the slot of a root port. */
    private static final class Machine {
        final Bus memory = Bus.memory();
        final Bus ports = Bus.ports();
        final Map<Integer, FakeLine> lines = new HashMap<>();
        final List<TestFunction> functions = new ArrayList<>();
        final PciBus pci = new PciBus(
                memory, ports, WINDOWS, List.of(9, 10, 11, 12), gsi -> lines.computeIfAbsent(gsi, g -> new FakeLine()));
        final PciConfigPorts config = new PciConfigPorts(pci, () -> {}, true);

        Machine() {
            config.attach(ports);
            for (int i = 0; i < 4; i++) {
                functions.add(new TestFunction());
                pci.add(functions.get(i), i < 3 ? null : new PciAddress(5, 2, 0));
            }
            pci.addRootPort(7, () -> {});
            pci.allocate();
            functions.add(new TestFunction());
            pci.add(functions.getLast(), new PciAddress(7, 0, 0));
        }

        long read(int bus, int device, int offset) {
            return pci.read(bus, device << 3, offset, 4);
        }

        /** All that a guest can reach. */
        String view() {
            StringBuilder view = new StringBuilder();
            for (Bus.Range range : memory.ranges()) {
                view.append("%x %x\n".formatted(range.base(), range.size()));
            }
            for (Bus.Range range : ports.ranges()) {
                view.append("%x %x\n".formatted(range.base(), range.size()));
            }
            lines.forEach((gsi, line) -> view.append(gsi).append(line.isUp()));
            for (int device : DEVICES) {
                for (int offset = 0; offset < 0x100; offset += 4) {
                    view.append(Long.toHexString(read(0, device, offset))).append(' ');
                    view.append(Long.toHexString(read(5, device, offset))).append(' ');
                    view.append(Long.toHexString(read(7, device, offset))).append('\n');
                }
            }
            return view.toString();
        }
    }

    private static void access(Machine machine, Random random) {
        int device = DEVICES[random.nextInt(DEVICES.length)];
        int bus = random.nextInt(3) == 0 ? 5 + 2 * random.nextInt(2) : 0;
        switch (random.nextInt(5)) {
            case 0 -> {
                long address = 0x80000000L | bus << 16 | device << 11 | random.nextInt(64) << 2;
                machine.ports.write(0xcf8, 4, address);
                machine.ports.write(0xcf9, 1, random.nextInt(256) & ~4);
            }
            case 1 -> machine.functions.get(random.nextInt(5)).intx.set(random.nextBoolean());
            case 2 ->
                machine.pci.write(
                        bus, device << 3, 4, 2, random.nextInt(4) == 0 ? random.nextInt(1 << 16) : random.nextInt(8));
            case 3 -> {
                machine.pci.write(0, 30 << 3, 0x58, 2, random.nextInt(1 << 16)); // slot control
                machine.pci.pressAttentionButton(7);
            }
            default -> {
                long value = random.nextBoolean() ? PLACES[random.nextInt(PLACES.length)] : random.nextLong();
                machine.pci.write(bus, device << 3, 0x10 + 4 * random.nextInt(13), 4, value);
            }
        }
    }

    @Test
    void aMovedMachineGoesOnAsTheFirstWouldHave() {
        Random random = new Random(seed);
        for (int round = 0; round < 20; round++) {
            Machine first = new Machine();
            for (int n = 0; n < random.nextInt(ACCESSES); n++) {
                access(first, random);
            }
            Machine second = new Machine();
            Saved.move(first.config, second.config);
            Saved.move(first.pci, second.pci);
            assertThat(second.view()).as("seed %d", seed).isEqualTo(first.view());
            long after = random.nextLong();
            Random one = new Random(after);
            Random other = new Random(after);
            for (int n = 0; n < 200; n++) {
                access(first, one);
                access(second, other);
            }
            assertThat(second.view()).as("seed %d", seed).isEqualTo(first.view());
        }
    }

    @Test
    void otherMachinesAreRefusedAndStayAsTheyAre() {
        Machine first = new Machine();
        first.pci.write(0, 1 << 3, 4, 2, 0);
        String saved = Saved.text(first.pci);
        Machine fewer = new Machine();
        fewer.pci.add(new TestFunction(), null);
        assertRefused(fewer.pci, saved, "8 PCI functions, this one has 9");
        Machine same = new Machine();
        assertRefused(same.pci, saved.replace("0000:00:01.0", "0000:00:04.0"), "has test at PCI address 0000:00:04.0");
        assertRefused(same.pci, saved.replaceFirst("f41a4110", "f41a4210"), "in its configuration space at 0x2");
        String line = "\"" + "00".repeat(16) + "\",\n";
        int at = saved.lastIndexOf(line);
        assertRefused(same.pci, saved.substring(0, at) + saved.substring(at + line.length()), "configuration space at");
        Saved.restore(same.pci, saved);
        assertThat(Saved.text(same.pci)).isEqualTo(saved);
    }

    private static void assertRefused(PciBus pci, String text, String message) {
        String before = Saved.text(pci);
        assertThatThrownBy(() -> Saved.restore(pci, text))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining(message);
        assertThat(Saved.text(pci)).isEqualTo(before);
    }

    private static final class Message implements MessageInterrupt {
        private String log = "";

        @Override
        public void route(long address, int data) {
            log += "route %x %x\n".formatted(address, data);
        }

        @Override
        public void signal() {
            log += "signal\n";
        }

        @Override
        public void connect(@Nullable EventFd event) {}

        @Override
        public void close() {}
    }

    /** A function with MSI-X. */
    private static final class Vectors {
        final List<Message> messages = new ArrayList<>();
        final PciConfigSpace config = new TestFunction().config();
        final Msix msix = new Msix(config, 5, 0, 0, 0x800, () -> {
            messages.add(new Message());
            return messages.getLast();
        });

        void control(int value) {
            config.write(0x42, 2, value);
            msix.afterConfigWrite(0x42, 2);
        }

        String logs() {
            StringBuilder all = new StringBuilder();
            messages.forEach(message -> all.append(message.log).append('\n'));
            messages.forEach(message -> message.log = "");
            return all.toString();
        }

        void access(Random random) {
            switch (random.nextInt(4)) {
                case 0 -> msix.signal(random.nextInt(5));
                case 1 -> control(random.nextInt(4) << 14);
                default -> msix.writeTable(4 * random.nextInt(20), 4, random.nextInt(8));
            }
        }
    }

    @Test
    void vectorsGoOnAsTheyWere() {
        Random random = new Random(seed);
        for (int round = 0; round < 50; round++) {
            Vectors first = new Vectors();
            for (int n = 0; n < 100; n++) {
                first.access(random);
            }
            Vectors second = new Vectors();
            second.config.restore(first.config.saved());
            Saved.move(first.msix, second.msix);
            assertThat(second.msix.enabled()).isEqualTo(first.msix.enabled());
            assertThat(second.msix.readPending(0, 8)).isEqualTo(first.msix.readPending(0, 8));
            for (int vector = 0; vector < 5; vector++) {
                second.msix.writeTable(16 * vector + 8, 4, 7); // routes are those of the tables from here on
                first.msix.writeTable(16 * vector + 8, 4, 7);
            }
            first.logs();
            second.logs();
            long after = random.nextLong();
            Random one = new Random(after);
            Random other = new Random(after);
            for (int n = 0; n < 100; n++) {
                first.access(one);
                second.access(other);
            }
            assertThat(second.logs()).as("seed %d", seed).isEqualTo(first.logs());
        }
    }

    @Test
    void whatWasSignalledWhileMaskedIsSentAfterwards() {
        Vectors first = new Vectors();
        first.control(0x8000);
        first.msix.signal(3);
        Vectors second = new Vectors();
        second.config.restore(first.config.saved());
        Saved.move(first.msix, second.msix);
        second.logs();
        second.msix.writeTable(16 * 3 + 12, 4, 0);
        assertThat(second.messages.get(3).log).endsWith("signal\n");
    }

    @Test
    void aSignalledEventIsPending() {
        Vectors first = new Vectors();
        try (EventFd event = new EventFd()) {
            first.msix.connect(2, event);
            event.signal();
            assertThat(first.msix.state().pending()).containsExactly(2);
        }
    }

    @Test
    void hostileStatesAreRefused() {
        Vectors vectors = new Vectors();
        String saved = Saved.text(vectors.msix);
        for (String bad : List.of(
                saved.replaceFirst("\"00000000", "\"01000000"),
                saved.replaceFirst("01000000\"", "02000000\""),
                saved.replaceFirst("01000000\"", "\""),
                saved.replace("[]", "[5]"),
                saved.replace("[]", "[-1]"),
                saved.replace("[]", "[2,2]"))) {
            assertThatThrownBy(() -> Saved.restore(vectors.msix, bad)).isInstanceOf(VmmException.class);
        }
        assertThatThrownBy(() -> vectors.msix.restore(new MsixState(new byte[16], List.of())))
                .hasMessageContaining("1 MSI-X vectors, this one has 5");
        PciConfigPorts ports = new Machine().config;
        String registers = Saved.text(ports);
        for (String bad : List.of(
                registers.replace("\"address\": 0", "\"address\": 1"),
                registers.replace("\"address\": 0", "\"address\": -1"),
                registers.replace("\"reset-control\": 0", "\"reset-control\": 4"))) {
            assertThatThrownBy(() -> Saved.restore(ports, bad)).isInstanceOf(VmmException.class);
        }
    }

    @Test
    void nothingThatChangesIsForgotten() {
        Machine machine = new Machine();
        Vectors vectors = new Vectors();
        new StateCoverage(Map.ofEntries(
                        Map.entry("PciBus.memory", "what is on it follows from the BARs"),
                        Map.entry("PciBus.ports", "as memory"),
                        Map.entry("PciIntx.lines", "high while a pin is, which each function's state tells"),
                        Map.entry("PciBus.allocated", "decided before the guest runs"),
                        Map.entry("PciIntxPin.line", "as PciIntx.lines"),
                        Map.entry("PciIntxPin.disabled", "a bit of the command register"),
                        Map.entry("PciIntxPin.removed", "with its function"),
                        Map.entry("PciSlot.function", "has a state of its own"),
                        Map.entry("PciSlot.bars", "what is behind them has a state of its own"),
                        Map.entry("PciSlot.bridge", "is a function too"),
                        Map.entry("PciBridge.slots", "what is there has a state of its own"),
                        Map.entry("PciHotplugSlot.poweredOff", "leads to the machine"),
                        Map.entry("PciHotplugSlot.line", "as PciIntx.lines"),
                        Map.entry("PciConfigSpace.writable", "decided before the guest runs"),
                        Map.entry("PciConfigSpace.clearable", "decided before the guest runs"),
                        Map.entry("PciConfigSpace.derived", "decided before the guest runs"),
                        Map.entry("PciConfigSpace.capabilityEnd", "decided before the guest runs"),
                        Map.entry("PciConfigSpace.lastCapability", "decided before the guest runs"),
                        Map.entry("PciConfigSpace.extendedEnd", "decided before the guest runs"),
                        Map.entry("PciConfigSpace.lastExtended", "decided before the guest runs"),
                        Map.entry("PciConfigPorts.pci", "has a state of its own"),
                        Map.entry("PciConfigPorts.reset", "leads to the machine"),
                        Map.entry("Msix.config", "in the state of the bus"),
                        Map.entry("Msix.enabled", "a bit of the control word, in configuration space"),
                        Map.entry("Msix.maskedAll", "a bit of the control word, in configuration space"),
                        Map.entry("Vector.message", "routed as the vector says"),
                        Map.entry("Vector.event", "the device's, of this host"),
                        Map.entry("Vector.connected", "while the vector is open")))
                .check(machine.pci)
                .check(machine.config)
                .check(vectors.msix)
                .assertComplete()
                .assertEveryClass(
                        Path.of("target/classes"),
                        Map.of(
                                "Bus", "what is on it follows from the machine and its BARs",
                                "Table", "of a bus",
                                "Cursor", "of the allocation of BARs, before the guest runs",
                                "SharedIrqLine", "high while a device's end is, which its state tells",
                                "Source", "of a shared line"));
    }
}
