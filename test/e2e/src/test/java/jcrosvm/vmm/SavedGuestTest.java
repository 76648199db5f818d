package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.devices.balloon.BalloonConfig;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.devices.rng.RngConfig;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.Guests;
import jcrosvm.guest.TestGuest;
import jcrosvm.vmm.config.PlatformConfig;
import jcrosvm.vmm.config.StartState;
import jcrosvm.vmm.config.VirtioBus;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Linux, saved while it reads random numbers and writes them to a disk, goes on in a new machine. */
@Tag("soft")
class SavedGuestTest {
    private static final int PIECES = 24;
    private static final String SCRIPT = """
            n=0
            while [ $n -lt %1$d ]; do
                dd if=/dev/hwrng of=/tmp/piece bs=4k count=8 iflag=fullblock 2>/dev/null
                dd if=/tmp/piece of=/dev/vda bs=32k seek=$n conv=fsync,notrunc 2>/dev/null
                sha256sum </tmp/piece >>/tmp/written
                mark "STEP $n"
                n=$((n + 1))
            done
            echo 3 >/proc/sys/vm/drop_caches
            n=0
            while [ $n -lt %1$d ]; do
                dd if=/dev/vda bs=32k skip=$n count=1 2>/dev/null | sha256sum >>/tmp/read
                n=$((n + 1))
            done
            cmp /tmp/written /tmp/read && mark "SAME $(sort -u /tmp/read | wc -l)"
            dmesg | grep -iE 'virtio.*(error|fail|not ready)|I/O error|call trace|kernel BUG|blocked for more' && mark TROUBLE
            true
            """.formatted(PIECES);

    @TempDir
    private Path folder;

    private VmConfigBuilder config(GuestImage image, VirtioBus bus) {
        return GuestMachine.config(image)
                .cpus(2)
                .platform(PlatformConfig.defaults().withVirtio(bus))
                .device(BlockConfig.of(folder.resolve("disk")))
                .device(new RngConfig())
                .device(BalloonConfig.defaults());
    }

    /** PCI, virtio and what comes behind: the processors' clocks run on. */
    private static String devices(String saved) {
        return saved.substring(saved.indexOf("\"pci\": {"));
    }

    @ParameterizedTest
    @EnumSource
    void goesOnInANewMachine(VirtioBus bus) throws Exception {
        Files.write(folder.resolve("disk"), new byte[PIECES << 15]);
        GuestImage image = new TestGuest(Guests.ofUser(line -> {}), DebianKernel.CLOUD_6_12, SCRIPT)
                .modules("virtio_pci", "virtio_mmio", "virtio_blk", "virtio_rng", "virtio_balloon")
                .write(folder.resolve("initramfs"));
        try (Arena arena = Arena.ofShared()) {
            List<MemorySegment> ram = new ArrayList<>();
            String saved;
            try (GuestMachine first =
                    new GuestMachine(config(image, bus), folder.resolve("first"), StartState.RUNNING)) {
                first.machine.start();
                first.await("@@ STEP 5");
                first.machine.suspend(true);
                saved = JsonWriter.pretty(first.machine.save());
                for (MemorySegment part : first.ram()) {
                    ram.add(arena.allocate(part.byteSize(), 4096).copyFrom(part));
                }
                assertThat(first.text()).doesNotContain("@@ SAME");
            }
            try (GuestMachine second =
                    new GuestMachine(config(image, bus), folder.resolve("second"), StartState.SUSPENDED)) {
                List<MemorySegment> into = second.ram();
                for (int i = 0; i < into.size(); i++) {
                    into.get(i).copyFrom(ram.get(i));
                }
                second.machine.restore(JsonReader.parse(saved));
                assertThat(devices(JsonWriter.pretty(second.machine.save()))).isEqualTo(devices(saved));
                second.machine.start();
                second.machine.resume(true);
                assertThat(second.end()).as(second.text()).isEqualTo(VmExit.STOP);
                assertThat(second.text())
                        .contains("@@ STEP " + (PIECES - 1), "@@ SAME " + PIECES, "@@ DONE 0")
                        .doesNotContain("@@ STEP 1\r", "@@ TROUBLE");
            }
        }
    }
}
