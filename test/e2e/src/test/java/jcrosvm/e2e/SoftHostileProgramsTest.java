package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Locale;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.Guests;
import jcrosvm.guest.TestGuest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What programs of a guest's ordinary users do to the software processor, on the heap that the launcher gives. */
@Tag("soft")
class SoftHostileProgramsTest {
    private static final Guests GUESTS = Guests.ofUser(line -> {});
    private static final int MIB = 1 << 20;
    private static final int MEMORY_MIB = 512;
    private static final int GRACE_SECONDS = 1;
    /** The grace period, two seconds for the end, and what a busy machine adds. */
    private static final double MOST_SECONDS_TO_END = GRACE_SECONDS + 2.0 + 2.0;

    private static final int TICKS_PER_SECOND = 250;

    @TempDir
    private Path folder;

    private LaunchedVm boot(int cpus, int bytes, int rounds) throws Exception {
        TestGuest guest = new TestGuest(GUESTS, DebianKernel.CLOUD_6_12, """
                each() {
                    pids=
                    for i in $(seq $(nproc)); do "$@" & pids="$pids $!"; done
                    for pid in $pids; do wait $pid || return 1; done
                }
                ticks() { awk '$1 == "LOC:" { print $2 }' /proc/interrupts; }
                serve
                """);
        for (ManyBlocks kind : ManyBlocks.values()) {
            // What stands for a whole page is run as often as it fits in the same time.
            int size = kind == ManyBlocks.PAGES ? 64 * MIB : bytes;
            guest.file(program(kind), 0755, kind.program(size, rounds));
        }
        guest.file("/test/long", 0755, ManyBlocks.TAKEN_BRANCHES.program(64 * MIB, 1000));
        GuestImage image = guest.write(folder.resolve("initramfs-" + cpus));
        LaunchedVm vm = new LaunchedVm(folder, image, cpus, MEMORY_MIB, "--grace-period", "" + GRACE_SECONDS);
        vm.awaitMarker("SERVING");
        return vm;
    }

    private static String program(ManyBlocks kind) {
        return "/test/" + kind.name().toLowerCase(Locale.ROOT);
    }

    /** Every program on every vCPU at once, one kind after the other in one guest. */
    @ParameterizedTest(name = "{0} vCPUs")
    @ValueSource(ints = {1, 4})
    void millionsOfBlocksAreRun(int cpus) throws Exception {
        runAll(cpus, 4 * MIB, 2);
    }

    @ParameterizedTest(name = "{0} vCPUs")
    @ValueSource(ints = {1, 4})
    @Tag("long")
    void hundredsOfMillionsOfBlocksAreRun(int cpus) throws Exception {
        runAll(cpus, 64 * MIB, 3);
    }

    private void runAll(int cpus, int bytes, int rounds) throws Exception {
        try (LaunchedVm vm = boot(cpus, bytes, rounds)) {
            int n = 0;
            for (ManyBlocks kind : ManyBlocks.values()) {
                vm.type("each " + program(kind));
                assertThat(vm.awaitMarker("RAN", ++n))
                        .as("%s\n%s", kind, vm.messages())
                        .isEqualTo("0");
                System.out.printf("%s on %d vCPUs: %s%n", kind, cpus, vm.costs());
                vm.assertNothingFailed();
            }
            vm.type("end");
            vm.awaitGoodEnd();
        }
    }

    /** The machine's timer is served while code runs for the first time. */
    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"TAKEN_BRANCHES", "JUMPS", "PAGES"})
    void theTimerTicksMeanwhile(ManyBlocks kind) throws Exception {
        try (LaunchedVm vm = boot(1, 4 * MIB, 2)) {
            double before = vm.processorSeconds();
            vm.type("a=$(ticks); " + program(kind) + "; mark TICKS $(($(ticks) - a))");
            int ticks = Integer.parseInt(vm.awaitMarker("TICKS"));
            // Not the clock's: on a busy machine the vCPU does not run all the time.
            double seconds = vm.processorSeconds() - before;
            System.out.printf("%s: %d ticks in %.1f s of processor time%n", kind, ticks, seconds);
            assertThat(ticks).as("ticks in %.1f s", seconds).isGreaterThan((int) (seconds * TICKS_PER_SECOND / 5));
            vm.type("dmesg | grep -iE 'soft lockup|rcu.*stall' && mark TROUBLE");
            vm.type("end");
            vm.awaitGoodEnd();
            assertThat(vm.output()).doesNotContain("TROUBLE");
        }
    }

    /** However much there is to translate, a signal ends the program soon after the grace period. */
    @ParameterizedTest(name = "{0} vCPUs")
    @ValueSource(ints = {1, 4})
    void aSignalEndsIt(int cpus) throws Exception {
        try (LaunchedVm vm = boot(cpus, 4 * MIB, 1)) {
            vm.type("killall acpid; mark STARTED; each /test/long");
            vm.awaitMarker("STARTED");
            Thread.sleep(8000);
            assertThat(vm.isAlive()).as(vm.messages()).isTrue();
            double seconds = vm.terminate();
            System.out.printf("%d vCPUs: ended %.1f s after SIGTERM%n", cpus, seconds);
            vm.assertNothingFailed();
            assertThat(seconds).isLessThan(MOST_SECONDS_TO_END);
        }
    }
}
