package jcrosvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.nio.file.Path;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Linux itself reads what this module writes. */
@Tag("rig")
final class GuestBootTest {
    @TempDir
    private Path directory;

    private static Guests guests(DebianKernel kernel) {
        Guests guests = Guests.ofUser(System.err::println);
        try {
            guests.kernel(kernel);
            guests.busybox();
        } catch (VmmException e) {
            abort(e.getMessage());
        }
        return guests;
    }

    @Test
    void demoScriptShowsTheMachineAndPowersOff() throws Exception {
        GuestImage image = new DemoGuest(guests(DebianKernel.CLOUD_6_12)).script();
        try (EmulatedMachine machine = EmulatedMachine.start(image)) {
            assertThat(machine.awaitEnd())
                    .contains("# uname -a", "Linux jcrosvm 6.12.", "vendor_id", "Mem:")
                    .contains("# poweroff")
                    .doesNotContain("panic", "not found", "cannot");
        }
    }

    @Test
    void demoShellHasJobControlAndEndsOnPoweroff() throws Exception {
        GuestImage image = new DemoGuest(guests(DebianKernel.CLOUD_6_12)).shell("xterm", 33, 99);
        try (EmulatedMachine machine = EmulatedMachine.start(image)) {
            machine.await("Leave it with: poweroff");
            machine.await("root@jcrosvm:~# ");
            machine.type("stty size; echo $TERM; sleep 1000 & jobs\n");
            machine.await("33 99\nxterm\n");
            machine.await("Running");
            machine.await("root@jcrosvm:~# ");
            machine.type("sleep 1000; echo not reached\n");
            machine.await("not reached\n");
            Thread.sleep(500);
            machine.type("\003");
            machine.await("root@jcrosvm:~# ");
            machine.type("echo interrupted $?\n");
            machine.await("interrupted 130\n");
            machine.type("poweroff\n");
            assertThat(machine.awaitEnd()).doesNotContain("panic", "job control turned off");
        }
    }

    @Test
    void demoEndsWithItsShell() throws Exception {
        GuestImage image = new DemoGuest(guests(DebianKernel.CLOUD_6_12)).shell("xterm", 0, 0);
        try (EmulatedMachine machine = EmulatedMachine.start(image)) {
            machine.await("root@jcrosvm:~# ");
            machine.type("exit\n");
            assertThat(machine.awaitEnd()).doesNotContain("panic");
        }
    }

    @ParameterizedTest
    @EnumSource(DebianKernel.class)
    void scriptRunsWithModulesAndGivesItsExitCode(DebianKernel kernel) throws Exception {
        GuestImage image = new TestGuest(guests(kernel), kernel, "lsmod; cat /test/data; clocks; (exit 3)")
                .modules("virtio-blk", "virtio_net")
                .file("/test/data", 0600, "some data\n".getBytes())
                .write(directory.resolve("initramfs"));
        try (EmulatedMachine machine = EmulatedMachine.start(image)) {
            machine.await("@@ READY\n");
            assertThat(machine.awaitEnd())
                    .contains("virtio_blk", "virtio_net", "net_failover", "evdev", "pvpanic_mmio", "some data\n")
                    .containsPattern("@@ CLOCKS [0-9]{10} [0-9.]+\n")
                    .contains("@@ DONE 3\n")
                    .doesNotContain("cannot load", "Kernel panic");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"CLOUD_6_1", "CLOUD_6_12"})
    void powerButtonEndsTheGuest(DebianKernel kernel) throws Exception {
        GuestImage image = new TestGuest(guests(kernel), kernel, "idle").write(directory.resolve("initramfs"));
        try (EmulatedMachine machine = EmulatedMachine.start(image)) {
            machine.await("@@ IDLE\n");
            machine.monitor("system_powerdown");
            machine.await("@@ POWER-BUTTON\n");
            machine.awaitEnd();
        }
    }

    @Test
    void consoleCommandsAreServedAndPanicEndsTheGuest() throws Exception {
        DebianKernel kernel = DebianKernel.CLOUD_6_1;
        GuestImage image = new TestGuest(guests(kernel), kernel, "serve; panic").write(directory.resolve("initramfs"));
        try (EmulatedMachine machine = EmulatedMachine.start(image, "-device", "pvpanic")) {
            machine.await("@@ SERVING\n");
            machine.type("echo $((6 * 7)); false\n");
            assertThat(machine.await("@@ RAN 1\n")).contains("42\n");
            machine.type("end\n");
            machine.await("@@ PANIC\n");
            machine.await("Kernel panic");
            machine.awaitEnd();
        }
    }

    @Test
    void rebootEndsTheGuestAtOnce() throws Exception {
        DebianKernel kernel = DebianKernel.CLOUD_6_12;
        GuestImage image = new TestGuest(guests(kernel), kernel, "reboot").write(directory.resolve("initramfs"));
        try (EmulatedMachine machine = EmulatedMachine.start(image)) {
            assertThat(machine.awaitEnd()).doesNotContain("@@ DONE").contains("reboot: Restarting system");
        }
    }
}
