package jcrosvm.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import jcrosvm.base.Stateful;
import jcrosvm.bus.Bus;
import jcrosvm.bus.SharedIrqLine;
import jcrosvm.bus.testing.FakeClock;
import jcrosvm.bus.testing.Saved;
import jcrosvm.bus.testing.StateCoverage;
import jcrosvm.config.ConfigException;
import jcrosvm.platform.irqchip.IoApic;
import jcrosvm.platform.irqchip.UserspaceIrqChip;
import jcrosvm.platform.serial.SerialPorts;
import jcrosvm.platform.serial.SerialSetup;
import jcrosvm.serial.SerialConfig;
import org.junit.jupiter.api.Test;

/** The devices of the board as they are saved: driven anywhere by a guest, then moved to another machine. */
class PlatformStateTest {
    private static final int PM_PORT = 0xc000;

    private final long seed = new Random().nextLong();

    /** A board with all that it does to its surroundings. */
    private static final class Board implements AutoCloseable {
        final Bus ports = Bus.ports();
        final Bus memory = Bus.memory();
        final FakeClock clock = new FakeClock();
        final StringBuilder log = new StringBuilder();
        final UserspaceIrqChip chip = new UserspaceIrqChip(
                clock,
                msi -> log.append(msi).append('\n'),
                () -> log.append("INTR\n"),
                routes -> log.append(routes).append('\n'));
        final AcpiPm pm = new AcpiPm(chip.line(5), new FakePower());
        final Cmos cmos = new Cmos(clock, chip.line(8), pm::rtcAlarm, 1L << 30, 1L << 33, 3);
        final SerialPorts serial = SerialPorts.open(
                SerialSetup.of(List.of(SerialConfig.defaults())),
                new SharedIrqLine(chip.line(4)).source(),
                new SharedIrqLine(chip.line(3)).source());
        /** In the order in which they are restored. */
        final Map<String, Stateful<?>> parts = new LinkedHashMap<>();

        Board(long nanos) {
            chip.attach(ports, memory);
            pm.attach(ports, PM_PORT);
            cmos.attach(ports);
            serial.attach(ports);
            clock.advance(nanos);
            parts.put("chip", chip);
            parts.put("pm", pm);
            parts.put("cmos", cmos);
            parts.put("serial", serial);
        }

        void access(Random random) {
            int size = 1 << random.nextInt(3);
            long value = random.nextInt(4) == 0 ? random.nextInt(4) : random.nextInt();
            switch (random.nextInt(12)) {
                case 0 -> {
                    memory.write(IoApic.BASE, 4, random.nextInt(0x42));
                    memory.write(IoApic.BASE + 0x10, 4, value);
                    log.append(memory.read(IoApic.BASE + 0x10, 4)).append('\n');
                }
                case 1 -> chip.endOfInterrupt(random.nextInt(256));
                case 2 -> chip.line(random.nextInt(8) + 12).set(random.nextBoolean());
                case 3 -> log.append(chip.acknowledgeInterrupt()).append('\n');
                case 4 -> clock.advance(random.nextLong(3_000_000_000L));
                case 5 -> {
                    pm.raiseGpe(random.nextInt(256));
                    pm.pressPowerButton();
                }
                case 6 -> { // loopback, so that there is something to receive
                    long base = SerialSetup.BASES.get(random.nextInt(4));
                    ports.write(base + 4, 1, 0x10 | random.nextInt(16));
                    ports.write(base, 1, value);
                }
                default -> {
                    Bus.Range range =
                            ports.ranges().get(random.nextInt(ports.ranges().size()));
                    long port = range.base() + random.nextInt((int) range.size());
                    if (random.nextBoolean()) {
                        ports.write(port, size, value);
                    } else {
                        log.append("%x: %x\n".formatted(port, ports.read(port, size)));
                    }
                }
            }
        }

        String takeLog() {
            String text = log.toString();
            log.setLength(0);
            return text;
        }

        @Override
        public void close() {
            serial.close();
        }
    }

    private static <R extends Record> void move(Stateful<R> from, Stateful<?> to) {
        @SuppressWarnings("unchecked") // the same part of an equal board
        Stateful<R> same = (Stateful<R>) to;
        Saved.move(from, same);
    }

    @Test
    void aMovedBoardGoesOnAsTheFirstWouldHave() {
        Random random = new Random(seed);
        for (int round = 0; round < 60; round++) {
            try (Board first = new Board(random.nextLong(10_000_000_000L))) {
                for (int n = random.nextInt(1500); n > 0; n--) {
                    first.access(random);
                }
                try (Board second = new Board(first.clock.nanos())) {
                    first.parts.forEach((name, part) -> move(part, second.parts.get(name)));
                    first.parts.forEach((name, part) ->
                            assertThat(Saved.text(second.parts.get(name))).isEqualTo(Saved.text(part)));
                    first.takeLog();
                    second.takeLog();
                    long after = random.nextLong();
                    Random one = new Random(after);
                    Random other = new Random(after);
                    for (int n = 0; n < 400; n++) {
                        first.access(one);
                        second.access(other);
                        assertThat(second.takeLog())
                                .as("seed %d round %d access %d", seed, round, n)
                                .isEqualTo(first.takeLog());
                    }
                }
            }
        }
    }

    @Test
    void aSuspendedBoardIsSavedAndGoesOnWhenItIsResumed() {
        try (Board first = new Board(5_000_000)) {
            first.ports.write(0x43, 1, 0x34);
            first.ports.write(0x40, 1, 0);
            first.ports.write(0x40, 1, 0x10);
            first.cmos.suspend();
            first.chip.suspend();
            first.clock.advanceMillis(50); // its tick became due meanwhile
            try (Board second = new Board(first.clock.nanos())) {
                second.cmos.suspend();
                second.chip.suspend();
                first.parts.forEach((name, part) -> move(part, second.parts.get(name)));
                assertThat(second.clock.armed()).isZero();
                second.chip.resume();
                second.cmos.resume();
                assertThat(second.clock.armed()).isEqualTo(1);
                second.ports.write(0x20, 1, 0x0a);
                assertThat(second.ports.read(0x20, 1) & 1)
                        .as("IRQ 0 is requested")
                        .isEqualTo(1);
            }
        }
    }

    @Test
    void statesThatCannotBeAreRefusedAndChangeNothing() {
        Random random = new Random(seed);
        try (Board board = new Board(0)) {
            for (int n = 0; n < 300; n++) {
                board.access(random);
            }
            refuse(board.chip, "\"top\": [0-7]", "\"top\": 8");
            refuse(board.chip, "\"irr\": [0-9]+", "\"irr\": 256");
            refuse(board.chip, "\"init-step\": [0-9]", "\"init-step\": 1");
            refuse(board.chip, "\"elcr\": [0-9]+", "\"elcr\": 1");
            refuse(board.chip, "\"reload\": [0-9]+", "\"reload\": 0");
            refuse(board.chip, "\"mode\": [0-9]", "\"mode\": -1");
            refuse(board.chip, "\"start\": [0-9]+", "\"start\": 9007199254740993");
            refuse(board.chip, "\"lines\": [0-9]+,\\s+\"select\"", "\"lines\": 16777216, \"select\"");
            refuse(board.chip, "\"entries\": \\[", "\"entries\": [0, ");
            refuse(board.chip, "\"entries\": \\[\\s*-?[0-9]+", "\"entries\": [131072");
            refuse(board.chip, "\"pit\": \\{", "\"pit\": null, \"x\": {");
            refuse(board.pm, "\"registers\": \\[", "\"registers\": [\"00\", ");
            refuse(board.cmos, "\"index\": [0-9]+", "\"index\": 128");
            refuse(board.cmos, "\"last-second\": [0-9]+", "\"last-second\": 1099511627777");
            refuse(board.cmos, "\"flags\": [0-9]+", "\"flags\": 1");
            refuse(board.serial, "\"msr\": [0-9]+", "\"msr\": -1");
            refuse(board.serial, "\"received\": [^\\]\\n]*", "\"received\": \"" + "00".repeat(65) + "\",\"y\": [");
            refuse(board.serial, "\"uarts\": \\[", "\"uarts\": [null, ");
        }
    }

    private static void refuse(Stateful<?> part, String value, String other) {
        String before = Saved.text(part);
        String bad = before.replaceFirst(value, other);
        assertThat(bad).as(value).isNotEqualTo(before);
        assertThatThrownBy(() -> Saved.restore(part, bad)).as(other).isInstanceOf(ConfigException.class);
        assertThat(Saved.text(part)).isEqualTo(before);
    }

    @Test
    void nothingThatChangesIsForgotten() {
        try (Board board = new Board(0)) {
            board.ports.write(0x3f8 + 4, 1, 0x10);
            for (int base : SerialSetup.BASES) {
                board.ports.write(base + 4, 1, 0x10); // loopback
                board.ports.write(base, 1, 7);
            }
            new StateCoverage(Map.ofEntries(
                            Map.entry("Pic.output", "what the two chips ask for"),
                            Map.entry("Pic8259.levels", "the ELCR and the wiring"),
                            Map.entry("IoApic.prepared", "the message that an entry means"),
                            Map.entry("IoApic.routes", "the messages of the level-triggered entries"),
                            Map.entry("AcpiPm.power", "leads to the machine"),
                            Map.entry("Pit.suspended", "by the machine"),
                            Map.entry("Cmos.suspended", "by the machine"),
                            Map.entry("Cmos.rang", "taken before the access or the timer that sets it returns"),
                            Map.entry("Uart16550.irq", "high while the UART asks for attention"),
                            Map.entry("Uart16550.output", "the host's end"),
                            Map.entry("ByteQueue.head", "only how the bytes lie in the array"),
                            Map.entry("SerialPorts.setup", "configuration"),
                            Map.entry("SerialPorts.debugcons", "have no registers"),
                            Map.entry("SerialPorts.inputs", "of the host"),
                            Map.entry("SerialPorts.outputs", "of the host")))
                    .check(board.chip)
                    .check(board.pm)
                    .check(board.cmos)
                    .check(board.serial)
                    .assertComplete()
                    .assertEveryClass(Path.of("target/classes"), Map.of("Scratch", "saved whole"));
        }
    }
}
