package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import jcrosvm.boot.CpuSpeed;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.devices.balloon.BalloonConfig;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.devices.rng.RngConfig;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.GuestImage;
import jcrosvm.guest.Guests;
import jcrosvm.guest.TestGuest;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import jcrosvm.serial.SerialConfig;
import jcrosvm.vmm.board.Board;
import jcrosvm.vmm.board.SerialConsoles;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.PlatformConfig;
import jcrosvm.vmm.config.StartState;
import jcrosvm.vmm.config.VirtioBus;
import jcrosvm.vmm.config.VmConfig;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Linux, saved while it reads random numbers and writes them to a disk, goes on in a new machine. */
@Tag("soft")
class SavedGuestTest {
    private static final int PIECES = 24;
    private static final long LIMIT_SECONDS = 240;
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

    private final BlockingQueue<VmExit> ends = new LinkedBlockingQueue<>();

    private final class Events implements MachineEvents {
        @Override
        public void deviceLost(String reason) {
            throw new AssertionError(reason);
        }

        @Override
        public void ended(VmExit how) {
            ends.add(how);
        }

        @Override
        public void guestPanicked() {
            ends.add(VmExit.GUEST_PANIC);
        }

        @Override
        public void debugExit(int value) {}

        @Override
        public boolean vcpuStopped(Vcpu vcpu, VcpuExit.Debug stop) {
            return true;
        }

        @Override
        public void vcpuEnded(Vcpu vcpu, VcpuExit exit) {
            ends.add(VmExit.CRASH);
        }
    }

    /** A machine with what a VM gives it. */
    private final class Owned implements AutoCloseable {
        final Path output;
        final SerialConsoles consoles;
        final Devices devices;
        final Hypervisor hypervisor;
        final Machine machine;

        Owned(GuestImage image, VirtioBus bus, String output, StartState state) {
            this.output = folder.resolve(output);
            VmConfig config = VmConfig.builder()
                    .kernel(image.kernel())
                    .initrd(image.initramfs())
                    .params(image.parameters())
                    .cpus(2)
                    .memoryMib(192)
                    .hypervisor(new HypervisorConfig("soft", null, null))
                    .platform(new PlatformConfig(true, true, true, true, bus, true, false))
                    .serial(RecordBinder.bind(
                            KeyValueParser.parse("type=file,num=1,path=" + this.output), SerialConfig.class))
                    .device(BlockConfig.of(folder.resolve("disk")))
                    .device(new RngConfig())
                    .device(BalloonConfig.defaults())
                    .build();
            config.validate();
            consoles = new SerialConsoles(config.allSerial());
            devices = new Devices(config, true);
            hypervisor = HypervisorChoice.of(config.hypervisor()).open(config.hypervisor());
            machine = new Machine(config, hypervisor, consoles, devices, CpuSpeed.EMULATED, new Events(), state);
        }

        String text() throws Exception {
            return Files.exists(output) ? Files.readString(output) : "";
        }

        void await(String text) throws Exception {
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
            while (!text().contains(text)) {
                assertThat(System.nanoTime()).as(text()).isLessThan(deadline);
                assertThat(ends.poll(50, TimeUnit.MILLISECONDS)).as(text()).isNull();
            }
        }

        List<MemorySegment> ram() throws ReflectiveOperationException {
            Field field = Machine.class.getDeclaredField("board");
            field.setAccessible(true);
            GuestMemory memory = ((Board) field.get(machine)).memory();
            List<MemorySegment> ram = new ArrayList<>();
            for (MemoryRegion region : memory.regions()) {
                ram.add(memory.slice(region.address(), region.size()));
            }
            return ram;
        }

        @Override
        public void close() {
            machine.close();
            devices.close();
            consoles.close();
            hypervisor.close();
        }
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
            try (Owned first = new Owned(image, bus, "first", StartState.RUNNING)) {
                first.machine.start();
                first.await("@@ STEP 5");
                first.machine.suspend(true);
                saved = JsonWriter.pretty(first.machine.save());
                for (MemorySegment part : first.ram()) {
                    ram.add(arena.allocate(part.byteSize(), 4096).copyFrom(part));
                }
                assertThat(first.text()).doesNotContain("@@ SAME");
            }
            try (Owned second = new Owned(image, bus, "second", StartState.SUSPENDED)) {
                List<MemorySegment> into = second.ram();
                for (int i = 0; i < into.size(); i++) {
                    into.get(i).copyFrom(ram.get(i));
                }
                second.machine.restore(JsonReader.parse(saved));
                assertThat(devices(JsonWriter.pretty(second.machine.save()))).isEqualTo(devices(saved));
                second.machine.start();
                second.machine.resume(true);
                assertThat(ends.poll(LIMIT_SECONDS, TimeUnit.SECONDS))
                        .as(second.text())
                        .isEqualTo(VmExit.STOP);
                assertThat(second.text())
                        .contains("@@ STEP " + (PIECES - 1), "@@ SAME " + PIECES, "@@ DONE 0")
                        .doesNotContain("@@ STEP 1\r", "@@ TROUBLE");
            }
        }
    }
}
