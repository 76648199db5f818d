package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jcrosvm.guest.DebianKernel;
import jcrosvm.vmm.VirtualMachine;
import jcrosvm.vmm.VmExit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** ACPI S1, which Linux calls standby. */
@Tag("kvm")
class SleepTest {
    /** From Linux's last message to its write of the control register. */
    private static final long FALLS_ASLEEP_SECONDS = 3;

    @TempDir
    private Path directory;

    private GuestSession guest;

    @BeforeEach
    void boot() {
        guest = new GuestSession(
                directory,
                DebianKernel.GENERIC_6_12,
                "serve",
                builder -> builder.cpus(2).boot(builder.build().boot().withParams(List.of("no_console_suspend"))));
        guest.awaitMarker("SERVING");
        guest.type("dmesg -n 7; killall acpid; cat /sys/power/state");
        guest.awaitMarker("RAN", 1);
        assertThat(guest.output()).contains("standby");
    }

    private void fallAsleep(int time) throws InterruptedException {
        guest.type("echo standby >/sys/power/state; mark WOKEN $?");
        guest.awaitText("system sleep state S1", time);
        TimeUnit.SECONDS.sleep(FALLS_ASLEEP_SECONDS);
        assertThat(guest.output().split("@@ WOKEN", -1)).hasSize(time);
    }

    private void end() {
        guest.type("dmesg | grep -iE 'soft lockup|rcu.*stall|call trace' && mark TROUBLE");
        guest.type("mark CPUS $(nproc)");
        assertThat(guest.awaitMarker("CPUS")).isEqualTo("2");
        guest.type("end");
        assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        assertThat(guest.output()).doesNotContain("@@ TROUBLE");
    }

    @AfterEach
    void close() throws InterruptedException {
        guest.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"power", "sleep"})
    void buttonsWake(String button) throws Exception {
        VirtualMachine vm = guest.vm();
        for (int time = 1; time <= 2; time++) {
            fallAsleep(time);
            String before = guest.output();
            guest.type("mark AWAKE " + time);
            TimeUnit.SECONDS.sleep(FALLS_ASLEEP_SECONDS);
            assertThat(guest.output()).isEqualTo(before); // it does not even echo
            if (button.equals("power")) {
                vm.powerButton();
            } else {
                vm.sleepButton();
            }
            assertThat(guest.awaitMarker("WOKEN", time)).isEqualTo("0");
            guest.awaitMarker("AWAKE", time);
        }
        end();
    }

    @Test
    void alarmWakes() throws Exception {
        guest.type("echo +20 >/sys/class/rtc/rtc0/wakealarm; date +%s");
        fallAsleep(1);
        assertThat(guest.awaitMarker("WOKEN", 1)).isEqualTo("0");
        end();
    }

    @Test
    void resumeWakesAGuestThatWasSuspendedAsleep() throws Exception {
        fallAsleep(1);
        guest.vm().suspend(true);
        guest.vm().sleepButton();
        TimeUnit.SECONDS.sleep(FALLS_ASLEEP_SECONDS);
        assertThat(guest.output()).doesNotContain("@@ WOKEN");
        guest.vm().resume(true);
        assertThat(guest.awaitMarker("WOKEN", 1)).isEqualTo("0");
        end();
    }
}
