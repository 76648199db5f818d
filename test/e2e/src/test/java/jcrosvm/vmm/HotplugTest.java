package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.VmmException;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.Guests;
import jcrosvm.guest.TestGuest;
import jcrosvm.vmm.config.PlatformConfig;
import jcrosvm.vmm.config.StartState;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Linux finds disks that come while it runs, and lets go of those that are to go. */
@Tag("soft")
class HotplugTest {
    private static final long LIMIT_SECONDS = 60;
    /** The slots are called by the numbers of their root ports; a slot's {@code power} switches it. */
    private static final String SCRIPT = """
            slots=/sys/bus/pci/slots
            functions() { ls /sys/bus/pci/devices; }
            until_there() { until [ -e "$1" ]; do sleep 0.1; done; }
            until_gone() { while [ -e "$1" ]; do sleep 0.1; done; }
            mark "SLOTS" $(ls $slots) $(cat $slots/*/power) "cold: $(functions | grep -c :02:00.0)"
            until_there /sys/bus/pci/devices/0000:01:00.0
            until_there /dev/vdb
            mark "FIRST $(cat /dev/vdb | sha256sum | cut -c 1-64)" $(cat $slots/1/power)
            until_gone /sys/bus/pci/devices/0000:01:00.0
            mark "GONE" $(cat $slots/1/power) "$(ls /sys/block | grep -c vdb)"
            until_there /sys/bus/pci/devices/0000:01:00.0
            until_there /dev/vdb
            mark "SECOND $(cat /dev/vdb | sha256sum | cut -c 1-64)"
            echo 0 >$slots/2/power
            until_gone /sys/bus/pci/devices/0000:02:00.0
            mark "OWN" $(cat $slots/2/power) "$(functions | grep -c ':0[12]:00.0')"
            dmesg | grep -iE 'virtio.*(error|fail|not ready)|I/O error|call trace|kernel BUG|pciehp.*fail' && mark TROUBLE
            true
            """;

    @TempDir
    private Path folder;

    private BlockConfig disk(String name, int fill) throws Exception {
        byte[] content = new byte[1 << 16];
        Arrays.fill(content, (byte) fill);
        return BlockConfig.of(Files.write(folder.resolve(name), content));
    }

    private String sum(String name) throws Exception {
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(folder.resolve(name)));
        return HexFormat.of().formatHex(hash);
    }

    private static void awaitDevices(GuestMachine guest, int count) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (guest.devices.all().size() != count) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            Thread.sleep(20);
        }
    }

    @Test
    void devicesComeAndGo() throws Exception {
        GuestImage image = new TestGuest(Guests.ofUser(line -> {}), DebianKernel.CLOUD_6_12, SCRIPT)
                .modules("virtio_pci", "virtio_blk")
                .write(folder.resolve("initramfs"));
        BlockConfig first = disk("first", 1);
        BlockConfig second = disk("second", 2);
        try (GuestMachine guest = new GuestMachine(
                GuestMachine.config(image)
                        .platform(PlatformConfig.defaults().withHotplugSlots(2))
                        .device(disk("cold", 3).with(to -> to.pciAddress = "02:00.0")),
                folder.resolve("output"),
                StartState.RUNNING)) {
            guest.machine.start();
            guest.await("@@ SLOTS 1 2 0 1 cold: 1");
            DeviceId plugged = guest.machine.plug(first);
            assertThat(plugged).hasToString("block1");
            assertThatThrownBy(() -> guest.machine.plug(second))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("all 2 slots for hot-plug are taken");
            guest.await("@@ FIRST " + sum("first") + " 1");
            guest.machine.unplug(plugged);
            guest.await("@@ GONE 0 0");
            awaitDevices(guest, 1);
            assertThatThrownBy(() -> guest.machine.unplug(plugged))
                    .isInstanceOf(VmmException.class)
                    .hasMessageContaining("block1 is in no slot");
            assertThat(guest.machine.plug(second)).hasToString("block1");
            guest.await("@@ SECOND " + sum("second"));
            guest.await("@@ OWN 0 1");
            assertThat(guest.end()).as(guest.text()).isEqualTo(VmExit.STOP);
            awaitDevices(guest, 1);
            assertThat(guest.text()).contains("@@ DONE 0").doesNotContain("@@ TROUBLE");
        }
    }
}
