package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.bus.Suspendable;
import jcrosvm.bus.testing.Saved;
import jcrosvm.bus.testing.StateCoverage;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.vmm.board.Parts;
import org.junit.jupiter.api.Test;

class PartsTest {
    private final List<String> log = new ArrayList<>();
    private final Parts parts = new Parts();

    public record Level(int level) {}

    private final class Part implements Suspendable, Stateful<Level> {
        private final String name;
        private int level;

        Part(String name) {
            this.name = name;
        }

        @Override
        public void suspend() {
            log.add("suspend " + name);
        }

        @Override
        public void resume() {
            log.add("resume " + name);
        }

        @Override
        public Level state() {
            return new Level(level);
        }

        @Override
        public void restore(Level state) {
            log.add("restore " + name);
            level = state.level();
        }
    }

    @Test
    void restoresAndResumesInOrderAndSuspendsInTheOpposite() {
        parts.add("first", Level.class, new Part("first"));
        parts.add("second", Level.class, new Part("second"));
        parts.suspend();
        parts.resume();
        parts.restore(JsonReader.parse("{\"second\":{\"level\":2},\"first\":{\"level\":1}}"));
        assertThat(log)
                .containsExactly(
                        "suspend second",
                        "suspend first",
                        "resume first",
                        "resume second",
                        "restore first",
                        "restore second");
        assertThat(JsonWriter.compact(parts.save())).isEqualTo("{\"first\":{\"level\":1},\"second\":{\"level\":2}}");
    }

    @Test
    void readsEveryStateBeforeItChangesOne() {
        parts.add("first", Level.class, new Part("first"));
        parts.add("second", Level.class, new Part("second"));
        for (String bad : List.of(
                "{\"first\":{\"level\":1},\"second\":{\"level\":null}}",
                "{\"first\":{\"level\":1},\"second\":{}}",
                "{\"first\":{\"level\":1}}",
                "{\"first\":{\"level\":1},\"second\":{\"level\":1},\"third\":{}}")) {
            assertThatThrownBy(() -> parts.restore(JsonReader.parse(bad))).isInstanceOf(VmmException.class);
        }
        assertThat(log).isEmpty();
    }

    @Test
    void theClockGoesOnWhereItStood() {
        for (boolean staysBehind : new boolean[] {false, true}) {
            try (MachineClock first = new MachineClock(staysBehind);
                    MachineClock second = new MachineClock(staysBehind)) {
                first.suspend();
                second.suspend();
                Saved.move(first, second);
                assertThat(second.nanos()).isEqualTo(first.nanos());
                long wall = System.currentTimeMillis() - 3_600_000;
                second.restore(new MachineClockState(17, wall));
                second.resume();
                assertThat(second.nanos()).isBetween(17L, 600_000_000_000L);
                assertThat(second.wallMillis() - wall)
                        .isBetween(staysBehind ? -2L : 3_600_000, staysBehind ? 600_000L : 4_200_000);
            }
        }
    }

    /** Fields of the machine itself that change: those that a guest could notice are in a part's state. */
    @Test
    void nothingThatChangesInTheMachineIsForgotten() {
        assertThat(Stream.of(Machine.class, Sleep.class, Vcpus.class)
                        .flatMap(type -> Stream.of(type.getDeclaredFields()))
                        .filter(field -> !Modifier.isStatic(field.getModifiers()) && changes(field))
                        .map(Field::getName))
                .containsExactlyInAnyOrder(
                        "asleep", // SleepState
                        "fallingAsleep", // SleepState
                        "wakeEvents", // only tells two events of one machine apart
                        "waking", // a thread that is on its way, and finds nothing to wake
                        "threads", // of vCPUs, each a part
                        "suspended", // what the user has asked for
                        "devicesSuspended", // what the user has asked for
                        "over", // as closed
                        "closed");
    }

    private static boolean changes(Field field) {
        return !Modifier.isFinal(field.getModifiers())
                || field.getType() == List.class
                || field.getType().getName().startsWith("java.util.concurrent.");
    }

    @Test
    void nothingElseThatChangesIsForgotten() {
        try (MachineClock clock = new MachineClock(false)) {
            clock.suspend();
            new StateCoverage(Map.ofEntries(
                            Map.entry("MachineClock.scope", "of the host"),
                            Map.entry("MachineClock.lock", "of the host"),
                            Map.entry("MachineClock.changed", "of the host"),
                            Map.entry("MachineClock.thread", "of the host"),
                            Map.entry("MachineClock.armed", "each device arms its timers again"),
                            Map.entry("MachineClock.lost", "in the wall clock"),
                            Map.entry("MachineClock.suspended", "what the user has asked for"),
                            Map.entry("MachineClock.closed", "of this machine")))
                    .check(clock)
                    .assertComplete()
                    .assertEveryClass(
                            Path.of("target/classes"),
                            Map.ofEntries(
                                    Map.entry("Endings", "how this machine ended"),
                                    Map.entry("Machine", "has a test of its own"),
                                    Map.entry("Sleep", "has a test of its own"),
                                    Map.entry("Vcpus", "has a test of its own"),
                                    Map.entry("Entry", "a timer, which its device arms again"),
                                    Map.entry("IrqRouting", "messages of the IOAPIC and of the devices' vectors"),
                                    Map.entry("MessageRoute", "as its vector says"),
                                    Map.entry("Relay", "leads to this machine"),
                                    Map.entry("VcpuThread", "of the host"),
                                    Map.entry("VirtualMachine", "what the user has asked for"),
                                    Map.entry("VmConfigBuilder", "configuration")));
        }
    }
}
