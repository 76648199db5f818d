package jcrosvm.bus.pci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.PciAddress;
import jcrosvm.base.VmmException;
import jcrosvm.bus.Bus;
import jcrosvm.bus.testing.FakeLine;
import org.junit.jupiter.api.Test;

/** Functions that come and go while the guest runs. */
class PciRemovalTest {
    private static final PciWindows WINDOWS = new PciWindows(
            new PciWindows.Window(0xd000, 0x3000),
            new PciWindows.Window(0xd000_0000L, 0x2000_0000L),
            new PciWindows.Window(1L << 40, 1L << 38));
    private static final long ONES = 0xffffffffL;
    private static final long ID = 0x10411af4L;
    private static final int PORT = 31;
    private static final int PORT_BUS = 7;

    // Of the root port's capability, which is the first one.
    private static final int LINK_STATUS = 0x52;
    private static final int SLOT_CONTROL = 0x58;
    private static final int SLOT_STATUS = 0x5a;
    private static final int EVERY_EVENT = 0x1029;

    private final Bus memory = Bus.memory();
    private final Bus ports = Bus.ports();
    private final Map<Integer, FakeLine> lines = new HashMap<>();
    private final PciBus pci = new PciBus(
            memory, ports, WINDOWS, List.of(9, 10, 11, 12), gsi -> lines.computeIfAbsent(gsi, g -> new FakeLine()));
    private final List<String> switchedOff = new ArrayList<>();

    private long read(int bus, int device, int offset) {
        return pci.read(bus, device << 3, offset, 4);
    }

    private int port(int offset) {
        return (int) pci.read(0, PORT << 3, offset, 2);
    }

    private void port(int offset, int value) {
        pci.write(0, PORT << 3, offset, 2, value);
    }

    private FakeLine portLine() {
        return lines.get(pci.intxGsi(PORT, 0));
    }

    @Test
    void nothingOfARemovedFunctionCanBeReached() {
        TestFunction gone = new TestFunction();
        TestFunction stays = new TestFunction();
        PciAddress address = pci.add(gone, null);
        pci.add(stays, null);
        pci.allocate();
        long place = read(0, 1, 0x14);
        stays.low.write(0, 4, 0x77);
        pci.write(0, 2 << 3, 0x14, 4, place); // waits for it
        gone.intx.set(true);
        FakeLine line = lines.get(pci.intxGsi(1, 0));
        assertThat(line.isUp()).isTrue();
        gone.events.clear();

        pci.remove(address);
        assertThat(gone.events).containsExactly("unmap 0", "unmap 1", "unmap 2");
        for (int offset = 0; offset < 0x100; offset += 4) {
            assertThat(read(0, 1, offset)).isEqualTo(ONES);
        }
        assertThat(line.isUp()).isFalse();
        gone.intx.set(false);
        gone.intx.set(true);
        assertThat(line.isUp()).as("pulled by what is gone").isFalse();
        assertThat(memory.read(place, 4)).as("the place is the other's now").isEqualTo(0x77);
        assertThat(memory.ranges()).hasSize(2);
        pci.write(0, 1 << 3, 4, 2, 3);
        assertThat(memory.ranges()).hasSize(2);
        assertThat(pci.functions()).hasSize(2);

        pci.add(gone, address);
        assertThat(read(0, 1, 0)).isEqualTo(ID);
        assertThat(read(0, 1, 0x14)).as("the guest gives it an address").isZero();
        assertThat(memory.ranges()).hasSize(2);
        pci.write(0, 1 << 3, 0x14, 4, 0xe000_0000L);
        pci.write(0, 1 << 3, 4, 2, 2);
        gone.low.write(4, 4, 0x55);
        assertThat(memory.read(0xe000_0004L, 4)).isEqualTo(0x55);
        gone.intx.set(true);
        assertThat(line.isUp()).isTrue();
    }

    @Test
    void whatCannotComeOrGoIsRefused() {
        pci.add(new TestFunction(), new PciAddress(0, 3, 0));
        pci.add(new TestFunction(), new PciAddress(0, 3, 1));
        pci.add(new TestFunction(), new PciAddress(5, 2, 0));
        pci.addRootPort(PORT_BUS, () -> {});
        assertThatThrownBy(() -> pci.addRootPort(5, () -> {})).hasMessageContaining("PCI bus 5");
        pci.allocate();
        Map<PciAddress, String> refused = new HashMap<>();
        refused.put(new PciAddress(0, 0, 0), "host bridge at PCI address 0000:00:00.0 cannot be removed");
        refused.put(new PciAddress(0, PORT, 0), "bridge to bus 5 at PCI address 0000:00:1f.0 cannot be removed");
        refused.put(new PciAddress(0, PORT - 1, 0), "root port of bus 7 at PCI address 0000:00:1e.0 cannot be removed");
        refused.put(new PciAddress(0, 3, 0), "before the other functions of its device");
        refused.put(new PciAddress(0, 4, 0), "there is no function at PCI address 0000:00:04.0");
        refused.put(new PciAddress(6, 0, 0), "there is no function at PCI address 0000:06:00.0");
        refused.put(new PciAddress(0, 99, 0), "there is no function");
        refused.forEach((address, message) -> assertThatThrownBy(() -> pci.remove(address))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining(message));
        assertThatThrownBy(() -> pci.add(new TestFunction(), new PciAddress(6, 0, 0)))
                .hasMessage("there is no bridge to PCI bus 6, and none can be added any more");
        assertThatThrownBy(() -> pci.add(new TestFunction(), new PciAddress(PORT_BUS, 1, 0)))
                .hasMessageContaining("a root port has device 0 alone behind it");
        assertThatThrownBy(() -> pci.add(new TestFunction(), new PciAddress(0, 4, 1)))
                .hasMessageContaining("that device has no function 0");
        assertThatThrownBy(() -> pci.pressAttentionButton(5)).hasMessageContaining("not behind a root port");
        pci.remove(new PciAddress(0, 3, 1));
        pci.remove(new PciAddress(0, 3, 0));
    }

    @Test
    void aRootPortTellsTheGuestWhatHappensInItsSlot() {
        pci.addRootPort(PORT_BUS, () -> switchedOff.add("off"));
        pci.allocate();
        assertThat(read(0, PORT, 0)).isEqualTo(0x000c1b36L);
        assertThat(port(0x42)).as("a root port with a slot").isEqualTo(0x142);
        assertThat(port(0x20)).as("a memory window for what may come").isEqualTo(0xd000);
        assertThat(pci.intxRoutes()).hasSize(4).allMatch(route -> route.device() == PORT);
        assertThat(port(SLOT_STATUS)).isZero();

        port(SLOT_CONTROL, EVERY_EVENT);
        TestFunction function = new TestFunction();
        pci.add(function, new PciAddress(PORT_BUS, 0, 0));
        assertThat(portLine().isUp()).isTrue();
        assertThat(port(SLOT_STATUS)).as("presence and link have changed").isEqualTo(0x148);
        assertThat(port(LINK_STATUS) & 0x2000).isEqualTo(0x2000);
        assertThat(read(PORT_BUS, 0, 0)).isEqualTo(ID);
        port(SLOT_STATUS, 8);
        assertThat(portLine().isUp()).isTrue();
        port(SLOT_STATUS, 0x100);
        assertThat(portLine().isUp()).isFalse();
        pci.write(PORT_BUS, 0, 0x14, 4, 0xd000_0000L);
        pci.write(PORT_BUS, 0, 4, 2, 2);
        assertThat(function.events).containsExactly("map 1 0xd0000000");

        pci.pressAttentionButton(PORT_BUS);
        assertThat(port(SLOT_STATUS)).isEqualTo(0x41);
        assertThat(portLine().isUp()).isTrue();
        port(SLOT_STATUS, 1);
        port(SLOT_CONTROL, EVERY_EVENT | 1 << 10);
        assertThat(switchedOff).containsExactly("off");
        assertThat(port(LINK_STATUS) & 0x2000).isZero();
        pci.remove(new PciAddress(PORT_BUS, 0, 0));
        assertThat(port(SLOT_STATUS)).isEqualTo(0x108);
        assertThat(read(PORT_BUS, 0, 0)).isEqualTo(ONES);
        port(SLOT_STATUS, 0xffff);
        assertThat(portLine().isUp()).isFalse();
        port(SLOT_CONTROL, EVERY_EVENT);
        port(SLOT_CONTROL, EVERY_EVENT | 1 << 10);
        assertThat(switchedOff).as("nothing was there").hasSize(1);

        pci.add(new TestFunction(), new PciAddress(PORT_BUS, 0, 0));
        assertThat(port(SLOT_STATUS))
                .as("presence has changed, and the button asks for power")
                .isEqualTo(0x49);
        assertThat(port(LINK_STATUS) & 0x2000).isZero();
        port(SLOT_CONTROL, EVERY_EVENT);
        assertThat(port(SLOT_STATUS)).as("the link too").isEqualTo(0x149);
        assertThat(switchedOff).hasSize(1);
    }

    /** A model of what is where, against reads of configuration space and the maps of both buses. */
    @Test
    void whatIsThereIsWhatWasAddedAndNotRemoved() {
        long seed = new Random().nextLong();
        Random random = new Random(seed);
        pci.addRootPort(PORT_BUS, () -> {});
        pci.allocate();
        Map<String, PciAddress> model = new TreeMap<>();
        for (int step = 0; step < 3000; step++) {
            int bus = random.nextInt(4) == 0 ? PORT_BUS : 0;
            PciAddress address = new PciAddress(bus, bus == 0 ? 1 + random.nextInt(4) : 0, random.nextInt(2));
            boolean first = address.function() == 0 || model.containsKey(new PciAddress(bus, address.device(), 0) + "");
            if (random.nextInt(3) > 0) {
                pci.write(bus, address.device() << 3 | address.function(), 4, 2, random.nextInt(8));
                long place = 0xd000_0000L + 0x1000L * random.nextInt(8);
                pci.write(bus, address.device() << 3 | address.function(), 0x14, 4, place);
            } else if (model.containsKey(address.toString())) {
                boolean last = address.function() != 0
                        || !model.containsKey(new PciAddress(bus, address.device(), 1).toString());
                if (last) {
                    pci.remove(address);
                    model.remove(address.toString());
                } else {
                    assertThatThrownBy(() -> pci.remove(address)).isInstanceOf(VmmException.class);
                }
            } else if (first) {
                pci.add(new TestFunction(), address);
                model.put(address.toString(), address);
            }
            check(model, seed);
        }
    }

    private void check(Map<String, PciAddress> model, long seed) {
        for (int bus : new int[] {0, PORT_BUS}) {
            for (int device = bus == 0 ? 1 : 0; device < 5; device++) {
                for (int function = 0; function < 2; function++) {
                    boolean is = model.containsKey(new PciAddress(bus, device, function).toString());
                    assertThat(pci.read(bus, device << 3 | function, 0, 4))
                            .as("seed %d", seed)
                            .isEqualTo(is ? ID : ONES);
                }
            }
        }
        long low = 0;
        for (Bus.Range range : memory.ranges()) {
            assertThat(range.base()).isGreaterThanOrEqualTo(low);
            low = range.base() + range.size();
        }
        assertThat(memory.ranges()).hasSizeLessThanOrEqualTo(2 * model.size());
        boolean present = model.containsKey("0000:07:00.0");
        assertThat(port(SLOT_STATUS) & 0x40).isEqualTo(present ? 0x40 : 0);
    }

    @Test
    void aGuestThatWritesWhileItsFunctionGoesReachesNothing() throws InterruptedException {
        pci.allocate();
        AtomicBoolean done = new AtomicBoolean();
        Thread guest = Thread.ofPlatform().start(() -> {
            Random random = new Random(1);
            while (!done.get()) {
                pci.write(0, 1 << 3, 0x10 + 4 * random.nextInt(4), 4, 0xd000_0000L + 0x1000L * random.nextInt(4));
                pci.write(0, 1 << 3, 4, 2, random.nextInt(8));
                memory.write(0xd000_0000L + 0x1000L * random.nextInt(4), 4, random.nextInt());
            }
        });
        for (int i = 0; i < 2000; i++) {
            TestFunction function = new TestFunction();
            PciAddress address = pci.add(function, new PciAddress(0, 1, 0));
            function.intx.set(true);
            pci.remove(address);
            assertThat(memory.ranges()).isEmpty();
            assertThat(ports.ranges()).isEmpty();
            assertThat(function.mapped).isZero();
            assertThat(lines.values()).noneMatch(FakeLine::isUp);
        }
        done.set(true);
        guest.join();
    }
}
