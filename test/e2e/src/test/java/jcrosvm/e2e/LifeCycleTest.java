package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import jcrosvm.guest.DebianKernel;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.RebootPolicy;
import jcrosvm.vmm.config.StartState;
import jcrosvm.vmm.config.SuspendClock;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** How a guest ends, pauses and begins again. */
@Tag("kvm")
class LifeCycleTest {
    private static final DebianKernel KERNEL = DebianKernel.CLOUD_6_1;

    @TempDir
    private Path directory;

    private GuestSession boot(String script) {
        return new GuestSession(directory, KERNEL, script, builder -> builder);
    }

    @Test
    void rebootEndsTheVm() throws Exception {
        try (GuestSession guest = boot("reboot")) {
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.RESET);
        }
    }

    @ParameterizedTest(name = "reboot={0}")
    @CsvSource({"acpi", "kbd", "pci", "triple"})
    void everyWayToResetRestartsInPlace(String way) throws Exception {
        try (GuestSession guest = new GuestSession(
                directory,
                KERNEL,
                "serve",
                builder -> builder.reboot(RebootPolicy.IN_PLACE)
                        .boot(builder.build().boot().withParams(java.util.List.of("reboot=" + way))))) {
            guest.awaitMarker("SERVING", 1);
            guest.type("reboot");
            guest.awaitMarker("SERVING", 2);
            guest.type("end");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("DONE")).isEqualTo("0");
        }
    }

    @Test
    void panicIsTold() throws Exception {
        try (GuestSession guest = boot("panic")) {
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.GUEST_PANIC);
        }
    }

    @Test
    void stopEndsAGuestThatIsNotAsked() throws Exception {
        try (GuestSession guest = boot("idle")) {
            guest.awaitMarker("IDLE");
            guest.vm().stop();
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
            assertThat(guest.output()).doesNotContain("DONE");
        }
    }

    @Test
    void powerButtonReachesTheGuestsDaemon() throws Exception {
        try (GuestSession guest = boot("idle")) {
            guest.awaitMarker("IDLE");
            guest.vm().powerButton();
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
            assertThat(guest.output()).contains("POWER-BUTTON");
        }
    }

    @Test
    void sleepButtonReachesTheGuestsDaemon() throws Exception {
        try (GuestSession guest = boot("idle")) {
            guest.awaitMarker("IDLE");
            guest.vm().sleepButton();
            guest.awaitMarker("SLEEP-BUTTON");
            guest.vm().powerButton();
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
    }

    /** Long enough for the guest's watchdogs to bark if they saw the time pass. */
    @ParameterizedTest(name = "irqchip={0} full={1} clock={2}")
    @CsvSource({
        "KERNEL, false, RUN",
        "KERNEL, true, RUN",
        "SPLIT, true, RUN",
        "KERNEL, true, STOP",
        "SPLIT, false, STOP"
    })
    void clocksAgreeAfterASuspend(IrqChipMode chip, boolean full, SuspendClock policy) throws Exception {
        try (GuestSession guest = new GuestSession(
                directory,
                KERNEL,
                "serve",
                builder -> builder.cpus(2)
                        .hypervisor(new HypervisorConfig("kvm", null, chip))
                        .suspendClock(policy))) {
            SuspendScenes.suspend(guest, policy, full, 25);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"SUSPENDED", "VCPUS_SUSPENDED"})
    void startsSuspendedUntilResumed(StartState state) throws Exception {
        try (GuestSession guest = new GuestSession(directory, KERNEL, "true", builder -> builder.start(state))) {
            TimeUnit.SECONDS.sleep(2);
            assertThat(guest.output()).isEmpty();
            guest.vm().resume(state == StartState.SUSPENDED);
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("DONE")).isEqualTo("0");
        }
    }

    @Test
    void manyVmsFollowEachOtherInOneProcess() throws Exception {
        for (int i = 0; i < 3; i++) {
            try (GuestSession guest = boot("mark ROUND " + i)) {
                guest.awaitMarker("ROUND");
                // closed while it runs
            }
        }
    }
}
