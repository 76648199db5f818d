package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.VmmException;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.CpuSpeed;
import jcrosvm.boot.PcDevices;
import jcrosvm.config.ArgumentReader;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Syntax;
import jcrosvm.config.Value;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.devices.net.NetConfig;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.network.user.UserNetworkConfig;
import jcrosvm.serial.SerialConfig;
import jcrosvm.vmm.board.SerialConsoles;
import jcrosvm.vmm.config.DebugExitConfig;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.KnownOptions;
import jcrosvm.vmm.config.PlatformConfig;
import jcrosvm.vmm.config.StartState;
import jcrosvm.vmm.config.SuspendClock;
import jcrosvm.vmm.config.VirtioBus;
import jcrosvm.vmm.config.VmConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import jcrosvm.vmm.config.VmOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whole machines: saved, restored into new ones, and saved again. */
class SavedMachineTest {
    private static final long ECAM = 0xf400_0000L;
    private static final long TEST_MEMORY = 0xff00_0000L;
    private static final int ACCESSES = 20_000;
    private static final int SLEEP_S1 = 0x2400;

    private final long seed = new Random().nextLong();

    @TempDir
    private Path folder;

    private VmConfig config(IrqChipMode mode, SuspendClock clock) throws Exception {
        return machine(mode, clock).build();
    }

    private VmConfigBuilder machine(IrqChipMode mode, SuspendClock clock) throws Exception {
        return VmConfig.builder()
                .memoryMib(2)
                .cpus(2)
                .boot(BootConfig.defaults().withBios(Files.write(folder.resolve("rom"), new byte[4096])))
                .hypervisor(new HypervisorConfig(HypervisorConfig.AUTO, null, mode))
                .serial(SerialConfig.defaults())
                .suspendClock(clock)
                .debugExit(new DebugExitConfig(0xf4, true));
    }

    /** A machine with a device of each kind that can be saved, and disks of its own. */
    private VmConfig withDevices(VirtioBus bus) throws Exception {
        Path own = Files.createTempDirectory(folder, "disks");
        Syntax syntax = new Syntax("run", "", VmOptions.groups(), List.of(VmOptions.KERNEL), new KnownOptions());
        VmConfigBuilder builder = machine(IrqChipMode.SPLIT, SuspendClock.RUN);
        // What a user gets who does not ask for devices: rng and balloon.
        VmOptions.read(ArgumentReader.read(syntax, List.of("kernel"))).devices().forEach(builder::device);
        return builder.platform(PlatformConfig.defaults().withVirtio(bus))
                .device(BlockConfig.of(Files.write(own.resolve("one"), new byte[1 << 16])))
                .device(BlockConfig.of(Files.write(own.resolve("two"), new byte[1 << 17])))
                .build();
    }

    /** A machine with what a VM gives it. */
    private static final class Owned implements AutoCloseable {
        final SerialConsoles consoles;
        final Devices devices;
        final FakeHypervisor hypervisor;
        final Machine machine;

        Owned(VmConfig config, FakeHypervisor.Guest guest, StartState state) {
            consoles = new SerialConsoles(config.allSerial());
            devices = new Devices(config, true);
            hypervisor = new FakeHypervisor(guest);
            machine = new Machine(config, hypervisor, consoles, devices, CpuSpeed.NATIVE, new NoEvents(), state);
        }

        String save() {
            return JsonWriter.pretty(machine.save());
        }

        @Override
        public void close() {
            machine.close();
            devices.close();
            consoles.close();
            assertThat(hypervisor.misuses).isEmpty();
        }
    }

    private static final class NoEvents implements MachineEvents {
        @Override
        public void deviceLost(String reason) {}

        @Override
        public void ended(VmExit how) {}

        @Override
        public void guestPanicked() {}

        @Override
        public void debugExit(int value) {}

        @Override
        public boolean vcpuStopped(Vcpu vcpu, VcpuExit.Debug stop) {
            return true;
        }

        @Override
        public void vcpuEnded(Vcpu vcpu, VcpuExit exit) {}
    }

    private static void access(VcpuExitHandler machine, Random random) {
        int size = 1 << random.nextInt(3);
        long value = random.nextInt(4) == 0 ? random.nextInt(4) : random.nextInt();
        switch (random.nextInt(6)) {
            case 0 -> machine.portWrite(0x2000 + 13 + random.nextInt(11), 1, random.nextInt(2)); // a line of its own
            case 1 -> {
                machine.mmioWrite(0xfec0_0000L, 4, random.nextInt(0x42));
                machine.mmioWrite(0xfec0_0010L, 4, value);
            }
            case 2 -> machine.mmioWrite(ECAM + (random.nextInt(4) << 15) + random.nextInt(0x40), size, value);
            case 3 -> machine.mmioWrite(TEST_MEMORY + random.nextInt(64), size, value);
            default -> machine.portWrite(random.nextInt(0x1000), size, value & ~0x2000L); // no sleep
        }
    }

    /** One step of a careless driver: most of the time as it should be. */
    private static void drive(VcpuExitHandler machine, boolean pci, Random random) {
        int n = random.nextInt(4);
        long base = PcDevices.virtio(n).base();
        if (pci) {
            machine.mmioWrite(ECAM + (n + 1 << 15) + 4, 2, 6);
            base = machine.mmioRead(ECAM + (n + 1 << 15) + 0x10, 4) & ~15L;
        }
        if (random.nextInt(3) == 0) {
            int[] steps = pci
                    ? new int[] {
                        0x14, 0, 0x14, 3, 8, 1, 0xc, 1, 0x14, 0xb, 0x18, 8, 0x20, 0x1000, 0x28, 0x2000, 0x30, 0x3000,
                        0x1c, 1, 0x14, 0xf
                    }
                    : new int[] {
                        0x70, 0, 0x70, 3, 0x24, 1, 0x20, 1, 0x70, 0xb, 0x38, 8, 0x80, 0x1000, 0x90, 0x2000, 0xa0,
                        0x3000, 0x44, 1, 0x70, 0xf
                    };
            for (int i = 0; i < steps.length; i += 2) {
                int size = !pci || steps[i] >= 0x20 || steps[i] < 0x10 ? 4 : steps[i] == 0x14 ? 1 : 2;
                machine.mmioWrite(base + steps[i], size, steps[i + 1]);
            }
        } else {
            int size = 1 << random.nextInt(4);
            int[] places = {0, 0, 0x2000, 0x3000, 0x6000, 0x6000};
            long offset = pci ? places[random.nextInt(places.length)] + random.nextInt(0x40) : random.nextInt(0x180);
            machine.mmioWrite(base + offset, size, random.nextBoolean() ? random.nextInt(16) : random.nextLong());
        }
    }

    private FakeHypervisor.Guest careless(CountDownLatch done, boolean pci, int accesses) {
        Random random = new Random(seed);
        int[] steps = {0};
        return (vcpu, machine) -> {
            if (vcpu == 0 && steps[0]++ < accesses) {
                drive(machine, pci, random);
            } else {
                done.countDown();
                Thread.onSpinWait();
            }
            return null;
        };
    }

    /** The new machine is as the saved one, and runs. */
    private void takesOver(Owned machine, String saved) throws InterruptedException {
        machine.machine.restore(JsonReader.parse(saved));
        assertThat(machine.save()).as("seed %d", seed).isEqualTo(saved);
        machine.machine.start();
        machine.machine.resume(true);
        machine.machine.suspend(true);
        assertThat(machine.save()).isNotEmpty();
    }

    @ParameterizedTest
    @EnumSource(VirtioBus.class)
    void virtioDevicesAreSavedToo(VirtioBus bus) throws Exception {
        for (int accesses = 1; accesses < 2000; accesses *= 5) {
            CountDownLatch done = new CountDownLatch(1);
            FakeHypervisor.Guest guest = careless(done, bus == VirtioBus.PCI, accesses);
            try (Owned first = new Owned(withDevices(bus), guest, StartState.RUNNING);
                    Owned second = new Owned(withDevices(bus), (vcpu, machine) -> null, StartState.SUSPENDED)) {
                first.machine.start();
                assertThat(done.await(60, TimeUnit.SECONDS)).isTrue();
                first.machine.suspend(true);
                String saved = first.save();
                assertThat(saved).contains("\"rng0\"", "\"block0\"", "\"block1\"", "\"balloon0\"");
                takesOver(second, saved);
            }
        }
    }

    @Test
    void devicesThatDoNotFitAreRefusedByName() throws Exception {
        FakeHypervisor.Guest idle = (vcpu, machine) -> null;
        NetConfig net = NetConfig.user(UserNetworkConfig.defaults());
        VmConfig open = machine(IrqChipMode.SPLIT, SuspendClock.RUN).device(net).build();
        try (Owned first = new Owned(withDevices(VirtioBus.PCI), idle, StartState.SUSPENDED);
                Owned mmio = new Owned(withDevices(VirtioBus.MMIO), idle, StartState.SUSPENDED);
                Owned unsavable = new Owned(open, idle, StartState.SUSPENDED)) {
            String saved = first.save();
            refused(first, saved.replace("\"block1\"", "\"block2\""), "this machine has no device 'block2'");
            refused(first, saved.replaceFirst("\"status\": 0", "\"status\": 1024"), "part 'virtio'");
            String place = "\"place\": \"0000:00:01.0\"";
            refused(first, saved.replace(place, place.replace("01", "09")), "block0: the saved one is at 0000:00:09.0");
            refused(first, saved.replaceFirst("\"device\": \"0[01]\"", "\"device\": \"\""), "block0: ");
            String virtio = "\"virtio\": ";
            String others = mmio.save().substring(mmio.save().indexOf(virtio));
            refused(mmio, mmio.save().replace("\"0xf8000000\"", "\"0xf8001000\""), "block0: the saved one is at");
            refused(first, saved.substring(0, saved.indexOf(virtio)) + others, "the saved one is at 0x");
            assertThatThrownBy(unsavable.machine::save)
                    .isInstanceOf(VmmException.class)
                    .hasMessage("net0 cannot be saved: its connections end in this process");
        }
    }

    private FakeHypervisor.Guest hostile(CountDownLatch done) {
        Random random = new Random(seed);
        int[] steps = {0};
        return (vcpu, machine) -> {
            if (vcpu == 0 && steps[0]++ < ACCESSES) {
                access(machine, random);
            } else {
                done.countDown();
                Thread.onSpinWait();
            }
            return null;
        };
    }

    @ParameterizedTest
    @EnumSource(IrqChipMode.class)
    void aNewMachineIsSavedAsTheFirstWas(IrqChipMode mode) throws Exception {
        for (SuspendClock clock : SuspendClock.values()) {
            VmConfig config = config(mode, clock);
            CountDownLatch done = new CountDownLatch(1);
            try (Owned first = new Owned(config, hostile(done), StartState.RUNNING);
                    Owned second = new Owned(config, (vcpu, machine) -> null, StartState.SUSPENDED)) {
                first.machine.start();
                assertThat(done.await(60, TimeUnit.SECONDS)).isTrue();
                first.machine.suspend(true);
                String saved = first.save();
                assertThat(second.save()).isNotEqualTo(saved);
                takesOver(second, saved);
            }
        }
    }

    @Test
    void aMachineThatSleepsStaysAsleep() throws Exception {
        VmConfig config = config(IrqChipMode.SPLIT, SuspendClock.RUN);
        CountDownLatch asked = new CountDownLatch(1);
        FakeHypervisor.Guest sleeper = (vcpu, machine) -> {
            if (vcpu == 0 && asked.getCount() > 0) {
                machine.portWrite((int) PcDevices.ACPI_PM.base() + 4, 2, SLEEP_S1);
                asked.countDown();
            }
            return null;
        };
        try (Owned first = new Owned(config, sleeper, StartState.RUNNING);
                Owned second = new Owned(config, (vcpu, machine) -> null, StartState.SUSPENDED)) {
            first.machine.start();
            assertThat(asked.await(60, TimeUnit.SECONDS)).isTrue();
            first.machine.suspend(true);
            String saved = first.save();
            assertThat(saved).contains("\"asleep\": true");
            second.machine.restore(JsonReader.parse(saved));
            assertThat(second.save()).isEqualTo(saved);
        }
    }

    @Test
    void whatDoesNotFitIsRefusedByName() throws Exception {
        VmConfig config = config(IrqChipMode.SPLIT, SuspendClock.RUN);
        VmConfig other = config(IrqChipMode.KERNEL, SuspendClock.RUN);
        FakeHypervisor.Guest idle = (vcpu, machine) -> null;
        try (Owned first = new Owned(config, idle, StartState.SUSPENDED);
                Owned kernel = new Owned(other, idle, StartState.SUSPENDED);
                Owned running = new Owned(config, idle, StartState.RUNNING)) {
            String saved = first.save();
            refused(first, saved.replace("\"cmos\"", "\"cmox\""), "this machine has no part 'cmox'");
            refused(first, "{}", "the saved machine has no part 'clock'");
            refused(first, "[]", "expected an object");
            refused(first, saved.replaceFirst("\"index\": 0", "\"index\": 128"), "part 'cmos': the CMOS index is 128");
            refused(first, saved.replaceFirst("\"nanos\": [0-9]+", "\"nanos\": -1"), "part 'clock'");
            assertThat(first.save()).isEqualTo(saved);
            Value value = JsonReader.parse(saved);
            assertThatThrownBy(() -> kernel.machine.restore(value)).hasMessageContaining("interrupt controllers");
            assertThatThrownBy(running.machine::save).hasMessageContaining("while it is suspended");
            assertThatThrownBy(() -> running.machine.restore(value)).hasMessageContaining("while it is suspended");
        }
    }

    private static void refused(Owned owned, String text, String message) {
        assertThatThrownBy(() -> owned.machine.restore(JsonReader.parse(text)))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining(message)
                .message()
                .doesNotContain("\n");
    }
}
