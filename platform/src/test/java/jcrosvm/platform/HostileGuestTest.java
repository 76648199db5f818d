package jcrosvm.platform;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import jcrosvm.bus.Bus;
import jcrosvm.bus.SharedIrqLine;
import jcrosvm.bus.pci.PciBus;
import jcrosvm.bus.pci.PciConfigPorts;
import jcrosvm.bus.pci.PciEcam;
import jcrosvm.bus.pci.PciWindows;
import jcrosvm.bus.testing.FakeClock;
import jcrosvm.platform.irqchip.IoApic;
import jcrosvm.platform.irqchip.UserspaceIrqChip;
import jcrosvm.platform.serial.SerialPorts;
import jcrosvm.platform.serial.SerialSetup;
import jcrosvm.serial.SerialConfig;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The whole machine's devices under two processors that do anything anywhere. */
@Timeout(300)
class HostileGuestTest {
    private static final int ACCESSES = 150_000;
    private static final long ECAM = 0xf400_0000L;

    private final Bus ports = Bus.ports();
    private final Bus memory = Bus.memory();
    private final FakeClock clock = new FakeClock();
    private final FakePower power = new FakePower();
    private final UserspaceIrqChip chip = new UserspaceIrqChip(clock, msi -> {}, () -> {}, routes -> {
        assertThat(routes).hasSizeLessThanOrEqualTo(IoApic.PINS);
    });

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void nothingThrowsAndEverythingStillWorks(int seed) throws Exception {
        chip.attach(ports, memory);
        AcpiPm pm = new AcpiPm(chip.line(5), power);
        pm.attach(ports, 0xc000);
        Cmos cmos = new Cmos(clock, chip.line(8), pm::rtcAlarm, 1L << 30, 0, 1);
        cmos.attach(ports);
        new I8042(power).attach(ports, false);
        PciWindows windows = new PciWindows(
                new PciWindows.Window(0xd000, 0x1000),
                new PciWindows.Window(0xd000_0000L, 0x1000_0000L),
                new PciWindows.Window(1L << 40, 1L << 40));
        PciBus pci = new PciBus(memory, ports, windows, List.of(9, 10, 11, 12), chip::line);
        pci.add(new PvPanic(power), null);
        pci.add(new PvPanic(power), null);
        pci.allocate();
        new PciConfigPorts(pci, power::reset, true).attach(ports);
        memory.insert(new PciEcam(pci), ECAM, 1 << 26);
        SerialConfig sink = SerialConfig.defaults();
        int fixedPorts;
        try (SerialPorts serial = SerialPorts.open(
                SerialSetup.of(List.of(sink, fileTo(2))),
                new SharedIrqLine(chip.line(4)).source(),
                new SharedIrqLine(chip.line(3)).source())) {
            serial.attach(ports);
            fixedPorts = ports.ranges().size();
            run(seed, cmos);
        }
        assertThat(ports.ranges()).hasSize(fixedPorts);
        assertThat(memory.ranges()).hasSizeBetween(2, 4);
        assertThat(clock.armed()).isLessThanOrEqualTo(2);
        // A well-behaved guest that comes next finds working devices.
        memory.write(IoApic.BASE, 4, 1);
        assertThat(memory.read(IoApic.BASE + 0x10, 4)).isEqualTo(0x170020);
        assertThat(memory.read(ECAM, 4)).isEqualTo(0x12378086);
        ports.write(0x3f8 + 3, 1, 3);
        ports.write(0x3f8 + 7, 1, 0x77);
        assertThat(ports.read(0x3f8 + 7, 1)).isEqualTo(0x77);
    }

    private static SerialConfig fileTo(int num) {
        return SerialConfig.sink(num).with(to -> {
            to.type = SerialConfig.Type.FILE;
            to.path = Path.of("/dev/null");
            to.outTimestamp = true;
        });
    }

    private void run(int seed, Cmos cmos) throws InterruptedException {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread[] threads = new Thread[2];
        for (int t = 0; t < threads.length; t++) {
            Random random = new Random(31L * seed + t);
            threads[t] = new Thread(() -> hammer(random));
            threads[t].setUncaughtExceptionHandler((thread, e) -> failure.set(e));
            threads[t].start();
        }
        Random random = new Random(seed);
        while (threads[0].isAlive() || threads[1].isAlive()) {
            clock.advance(random.nextLong(3_000_000));
            if (random.nextInt(50) == 0) {
                cmos.suspend();
                chip.suspend();
                chip.resume();
                cmos.resume();
            }
            Thread.sleep(1);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(failure.get()).isNull();
    }

    private void hammer(Random random) {
        List<Bus.Range> known = ports.ranges();
        for (int i = 0; i < ACCESSES; i++) {
            int size = 1 << random.nextInt(3);
            long value = random.nextInt(4) == 0 ? random.nextInt(4) : random.nextInt();
            switch (random.nextInt(8)) {
                case 0, 1, 2 -> {
                    Bus.Range range = known.get(random.nextInt(known.size()));
                    long port = range.base() + random.nextInt((int) range.size());
                    if (random.nextBoolean()) {
                        ports.write(port, size, value);
                    } else {
                        ports.read(port, size);
                    }
                }
                case 3 -> ports.write(random.nextInt(0x10000), size, value);
                case 4 -> ports.read(random.nextInt(0x10000), size);
                case 5 -> {
                    memory.write(IoApic.BASE, 4, random.nextInt(0x42));
                    memory.write(IoApic.BASE + 0x10, size, value);
                    memory.read(IoApic.BASE + random.nextInt(0x100), size);
                    chip.endOfInterrupt(random.nextInt(256));
                }
                case 6 -> {
                    long register = ECAM + (random.nextInt(4) << 15) + random.nextInt(0x40);
                    memory.write(register, size, value);
                    memory.read(register, 8);
                    memory.write(ECAM + (random.nextInt(4) << 15) + 0x10, 4, 0xd0000000L + random.nextInt(8) * 8);
                }
                default -> {
                    if (chip.externalInterrupt()) {
                        int vector = chip.acknowledgeInterrupt();
                        if (vector < -1 || vector > 255) {
                            throw new AssertionError("vector " + vector);
                        }
                    }
                    chip.line(random.nextInt(24)).set(random.nextBoolean());
                    memory.write(0xd0000000L + random.nextInt(128), size, value);
                }
            }
        }
    }
}
