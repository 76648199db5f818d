package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import jcrosvm.boot.PcDevices;
import jcrosvm.config.ArgumentReader;
import jcrosvm.config.Syntax;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.vmm.config.KnownOptions;
import jcrosvm.vmm.config.VmConfig;
import jcrosvm.vmm.config.VmOptions;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A machine with every device, under processors that write anything anywhere, RAM that rings lie in included. */
@Timeout(300)
class HostileMachineTest {
    private static final int STEPS = 400_000;
    private static final int BATCH = 16;
    private static final int MEMORY_MIB = 2;
    private static final long ECAM = 0xf400_0000L;
    private static final int PM_CONTROL = (int) PcDevices.ACPI_PM.base() + 4;
    private static final int SLEEP_S5 = 0x2000;
    private static final int[] SIZES = {1, 2, 4, 8};

    @TempDir
    private Path folder;

    private final Queue<Throwable> defects = new ConcurrentLinkedQueue<>();
    private final AtomicInteger refusals = new AtomicInteger();

    /** Errors: whatever a guest does wrong is a warning at most. */
    private final Handler log = new Handler() {
        @Override
        public void publish(LogRecord entry) {
            if (entry.getLevel() == Level.SEVERE) {
                defects.add(new AssertionError(entry.getMessage(), entry.getThrown()));
            } else if (String.valueOf(entry.getMessage()).contains("stops working on queue")) {
                refusals.incrementAndGet();
            }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    private VmConfig config(boolean isMmio) throws Exception {
        Path rom = Files.write(folder.resolve("rom"), new byte[4096]);
        Path disk = folder.resolve("disk");
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            file.setLength(1 << 20);
        }
        Syntax syntax = new Syntax("run", "", VmOptions.groups(), List.of(VmOptions.KERNEL), new KnownOptions());
        List<String> words = List.of(("--mem " + MEMORY_MIB + " --cpus 2 --reboot in-place --bios " + rom
                        + " --block " + disk + " --block path=" + rom + ",ro --net user"
                        + " --serial type=sink,hardware=virtio-console,num=1 --serial type=sink,num=1"
                        + (isMmio ? " --virtio-bus mmio" : ""))
                .split(" "));
        return VmOptions.read(ArgumentReader.read(syntax, words));
    }

    private void access(VcpuExitHandler machine, GuestMemory memory, Random random) {
        int size = SIZES[random.nextInt(3)];
        int port = switch (random.nextInt(4)) {
            case 0 -> 0xcf8 + random.nextInt(8);
            case 1 -> (int) PcDevices.ACPI_PM.base() + random.nextInt(16);
            default -> random.nextInt(1 << 16);
        };
        long value = value(random);
        switch (random.nextInt(8)) {
            case 0 -> machine.portRead(port, size);
            case 1 -> {
                // It may well power off, or sleep for good, but not in this test.
                if (port + size <= PM_CONTROL || port > PM_CONTROL + 1) {
                    machine.portWrite(port, size, value & (1L << 8 * size) - 1);
                }
            }
            case 2 -> machine.mmioRead(address(machine, random), SIZES[random.nextInt(4)]);
            case 3, 4, 5 -> {
                int wide = SIZES[random.nextInt(4)];
                machine.mmioWrite(address(machine, random), wide, wide == 8 ? value : value & (1L << 8 * wide) - 1);
            }
            default -> memory.putLong(random.nextInt(1 << 15) * 8L, value);
        }
    }

    // What rings and descriptors are made of: small numbers, addresses in RAM, flags, now and then anything.
    private static long value(Random random) {
        return switch (random.nextInt(6)) {
            case 0 -> random.nextLong();
            case 1 -> random.nextInt(16);
            case 2 -> random.nextInt(1 << 18) & ~15;
            case 3 -> 0x0001_0000_0000L * random.nextInt(8) | random.nextInt(1 << 12);
            case 4 -> 1L << random.nextInt(64);
            default -> 15; // every status bit of a driver that is ready
        };
    }

    // Wherever a device may be: its configuration space, where its BARs are at the moment, its fixed place.
    private static long address(VcpuExitHandler machine, Random random) {
        long function = ECAM + (random.nextInt(10) << 15);
        return switch (random.nextInt(5)) {
            case 0 -> function + random.nextInt(256);
            case 1 -> function + 4; // command
            case 2, 3 -> {
                int bar = 0x10 + 4 * random.nextInt(6);
                long low = machine.mmioRead(function + bar, 4);
                long high = (low & 4) != 0 && bar < 0x24 ? machine.mmioRead(function + bar + 4, 4) : 0;
                yield (high << 32 | low & ~15L) + random.nextInt(1 << 15);
            }
            default -> PcDevices.virtio(random.nextInt(8)).base() + random.nextInt(0x200);
        };
    }

    /**
     * Where a transport has its registers.
     *
     * @param word bytes of those of queues
     * @param areas the first of three registers with the addresses of a ring
     */
    private record Registers(
            int status,
            int statusSize,
            int offeredHalf,
            int offered,
            int acceptedHalf,
            int accepted,
            int queue,
            int queueSize,
            int queueReady,
            int word,
            int areas,
            int areaStep,
            int areaSize) {
        /** Common configuration (virtio 1.2, 4.1.4.3). */
        static final Registers PCI = new Registers(20, 1, 0, 4, 8, 12, 22, 24, 28, 2, 0x20, 8, 8);
        /** Memory-mapped registers (virtio 1.2, 4.2.2). */
        static final Registers MMIO =
                new Registers(0x70, 4, 0x14, 0x10, 0x24, 0x20, 0x30, 0x38, 0x44, 4, 0x80, 0x10, 4);
    }

    private static void drivePci(VcpuExitHandler machine, GuestMemory memory, Random random) {
        long function = ECAM + (random.nextInt(10) << 15);
        machine.mmioWrite(function + 4, 2, 6);
        long common = 0;
        long notify = 0;
        int capability = (int) machine.mmioRead(function + 0x34, 1);
        for (int i = 0; i < 16 && capability != 0; i++) {
            long at = function + (capability & 0xfc);
            int bar = 0x10 + 4 * (int) (machine.mmioRead(at + 4, 1) % 6);
            long base = (machine.mmioRead(function + bar + 4, 4) << 32 | machine.mmioRead(function + bar, 4) & ~15L)
                    + machine.mmioRead(at + 8, 4);
            if (machine.mmioRead(at, 1) == 9) {
                switch ((int) machine.mmioRead(at + 3, 1)) {
                    case 1 -> common = base;
                    case 2 -> notify = base;
                    default -> {}
                }
            }
            capability = (int) machine.mmioRead(at + 1, 1);
        }
        int queues = start(machine, common, Registers.PCI, memory, random);
        for (int queue = 0; queue < queues; queue++) {
            machine.mmioWrite(notify + 4L * queue, 2, queue);
        }
    }

    private static void driveMmio(VcpuExitHandler machine, GuestMemory memory, Random random) {
        long base = PcDevices.virtio(random.nextInt(6)).base();
        int queues = start(machine, base, Registers.MMIO, memory, random);
        for (int queue = 0; queue < queues; queue++) {
            machine.mmioWrite(base + 0x50, 4, queue);
        }
    }

    /** What a driver does, so that the device comes to look at the rings; how many it has of them. */
    private static int start(VcpuExitHandler machine, long base, Registers at, GuestMemory memory, Random random) {
        machine.mmioWrite(base + at.status, at.statusSize, 0);
        machine.mmioWrite(base + at.status, at.statusSize, 3);
        for (int half = 0; half < 2; half++) {
            machine.mmioWrite(base + at.offeredHalf, 4, half);
            long offered = machine.mmioRead(base + at.offered, 4);
            machine.mmioWrite(base + at.acceptedHalf, 4, half);
            machine.mmioWrite(base + at.accepted, 4, offered & (half == 0 ? random.nextInt() : random.nextInt() | 1));
        }
        machine.mmioWrite(base + at.status, at.statusSize, 11);
        int queues = 1 + random.nextInt(4);
        for (int queue = 0; queue < queues; queue++) {
            machine.mmioWrite(base + at.queue, at.word, queue);
            int size = 1 << random.nextInt(8);
            machine.mmioWrite(base + at.queueSize, at.word, size);
            long ring = ring(memory, size, random);
            for (int area = 0; area < 3; area++) {
                machine.mmioWrite(base + at.areas + (long) area * at.areaStep, at.areaSize, ring + area * 0x1000L);
            }
            machine.mmioWrite(base + at.queueReady, at.word, 1);
        }
        machine.mmioWrite(base + at.status, at.statusSize, 15);
        return queues;
    }

    /** A split ring whose requests may be anything, and are like real ones now and then (virtio 1.2, 2.7). */
    private static long ring(GuestMemory memory, int size, Random random) {
        long descriptors = 0x4_0000 + random.nextInt(64) * 0x1000L;
        for (int i = 0; i < size; i++) {
            long at = descriptors + 16L * i;
            memory.putLong(at, random.nextInt(20) == 0 ? random.nextLong() : random.nextInt(1 << 20));
            memory.putInt(at + 8, random.nextInt(20) == 0 ? random.nextInt() : 1 << random.nextInt(13));
            memory.putShort(at + 12, (short) (random.nextInt(20) == 0 ? random.nextInt() : random.nextInt(4)));
            memory.putShort(at + 14, (short) random.nextInt(size));
        }
        long available = descriptors + 0x1000;
        memory.putShort(available, (short) random.nextInt(2));
        memory.putShort(available + 2, (short) random.nextInt(size + 1));
        for (int i = 0; i < size; i++) {
            memory.putShort(available + 4 + 2L * i, (short) random.nextInt(size));
        }
        return descriptors;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void endsOnlyWhenItIsAskedTo(boolean isMmio) throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("HostileMachineTest: -Dtests.seed=" + seed);
        AtomicInteger steps = new AtomicInteger();
        ThreadLocal<Random> random = ThreadLocal.withInitial(() -> new Random(seed + steps.get()));
        FakeHypervisor[] holder = new FakeHypervisor[1];
        FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> {
            GuestMemory memory = holder[0].memory;
            for (int i = 0; i < BATCH; i++) {
                access(machine, memory, random.get());
            }
            if (random.get().nextInt(8) == 0) {
                if (isMmio) {
                    driveMmio(machine, memory, random.get());
                } else {
                    drivePci(machine, memory, random.get());
                }
            }
            if (steps.addAndGet(BATCH) < STEPS) {
                return null;
            }
            machine.portWrite(PM_CONTROL, 2, SLEEP_S5);
            return new VcpuExit.Halt();
        });
        holder[0] = hypervisor;
        Thread.UncaughtExceptionHandler old = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, e) -> defects.add(e));
        Logger root = Logger.getLogger("");
        Handler[] handlers = root.getHandlers();
        for (Handler handler : handlers) {
            root.removeHandler(handler); // a guest's mistakes are warnings, of which there are many here
        }
        root.addHandler(log);
        Logger rings = Logger.getLogger(QueueWorker.class.getName());
        rings.setLevel(Level.FINE); // those beyond the limit are debug lines
        try {
            VmConfig config = config(isMmio);
            while (steps.get() < STEPS) {
                try (VirtualMachine vm = VirtualMachine.create(config, hypervisor.choice())) {
                    // One that says it panicked, and resets then, is not started again.
                    assertThat(vm.run()).isIn(VmExit.STOP, VmExit.GUEST_PANIC);
                }
            }
        } finally {
            rings.setLevel(null);
            root.removeHandler(log);
            for (Handler handler : handlers) {
                root.addHandler(handler);
            }
            Thread.setDefaultUncaughtExceptionHandler(old);
        }
        System.out.println("HostileMachineTest: " + steps + " accesses, " + refusals + " rings refused");
        assertThat(defects).isEmpty();
        assertThat(hypervisor.misuses).isEmpty();
        assertThat(refusals).as("devices looked at the rings").hasPositiveValue();
    }
}
