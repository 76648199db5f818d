package jcrosvm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import jcrosvm.devices.block.AsyncExecutor;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.devices.block.BlockModule;
import jcrosvm.disk.DiskImages;
import jcrosvm.disk.DiskOptions;
import jcrosvm.vhostuser.frontend.DeviceThread;
import jcrosvm.vhostuser.frontend.DeviceType;
import jcrosvm.vhostuser.frontend.SplitDevice;
import jcrosvm.vhostuser.frontend.VhostUserConfig;
import jcrosvm.vhostuser.frontend.VhostUserModule;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import jcrosvm.virtio.relay.RelayDevice;

/**
 * Where a disk's backend is, and what that costs: random reads of 4 KiB of one raw file. {@code VhostUserPath FILE SECONDS
 * NAME=SOCKET=PID...} measures backends in processes, with and without the relay of the software processor; {@code
 * VhostUserPath FILE SECONDS} the device in this process, called by its driver and in a thread behind a connection. The last
 * column is the backend's processor time per request.
 */
final class VhostUserPath {
    private static final int TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux of today
    private static final int ROUND_TRIPS = 20_000;
    private static final String SELF = "self";
    private static final VmFacts FACTS = new VmFacts(1, 16 << 20);

    private VhostUserPath() {}

    private static VirtioDevice local(Path file) {
        BlockConfig config = BlockConfig.of(file).with(to -> to.asyncExecutor = AsyncExecutor.URING);
        return BlockModule.on(DiskImages.open(file, new DiskOptions(false, false, true, true)), config, 0, 1);
    }

    private static VirtioDevice over(String socket) {
        VhostUserConfig config =
                new VhostUserConfig(DeviceType.BLOCK, Path.of(socket), DiskDriver.RING, null, null, null);
        VhostUserModule module = new VhostUserModule();
        return module.create(config, 0, module.open(config, 0, FACTS), FACTS);
    }

    /** Processor time of a process in nanoseconds. */
    private static long processorTime(String pid) throws IOException {
        String[] fields = Files.readString(Path.of("/proc/" + pid + "/stat"))
                .replaceFirst("^.*\\) ", "")
                .split(" ", -1);
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) * (1_000_000_000L / TICKS_PER_SECOND);
    }

    private static void measure(String name, VirtioDevice device, String pid, Path file, long nanos)
            throws IOException {
        Random random = new Random(1);
        long blocks = Files.size(file) / DiskDriver.DATA;
        for (int depth : new int[] {1, 32}) {
            try (DiskDriver driver =
                    new DiskDriver(device, depth, false, request -> random.nextLong(blocks) * DiskDriver.SECTORS)) {
                driver.begin(depth);
                driver.run(nanos / 2); // warms up
                long cpu = processorTime(pid);
                long begin = System.nanoTime();
                long done = driver.run(nanos);
                long elapsed = System.nanoTime() - begin;
                cpu = processorTime(pid) - cpu;
                System.out.printf(
                        "%-28s %3d %,12.0f %8d %8d %10s%n",
                        name,
                        depth,
                        done * 1e9 / elapsed,
                        driver.latency(500),
                        driver.latency(990),
                        pid.equals(SELF) ? "" : "%.1f".formatted(cpu / 1000.0 / done));
            }
        }
    }

    /** The time of one request for the configuration space and its answer. */
    private static void roundTrip(String name, VirtioDevice device) {
        byte[] bytes = new byte[8];
        for (int i = 0; i < ROUND_TRIPS / 2; i++) {
            device.readConfig(0, bytes);
        }
        long begin = System.nanoTime();
        for (int i = 0; i < ROUND_TRIPS; i++) {
            device.readConfig(0, bytes);
        }
        System.out.printf(
                "%-28s message and answer: %.1f us%n", name, (System.nanoTime() - begin) / 1000.0 / ROUND_TRIPS);
    }

    public static void main(String[] args) throws IOException {
        Path file = Path.of(args[0]);
        long nanos = Long.parseLong(args[1]) * 1_000_000_000L;
        if (args.length == 2) {
            try (VirtioDevice device = local(file)) {
                measure("local", device, SELF, file, nanos);
            }
            try (VirtioDevice device = DeviceThread.start(new SplitDevice("block", "block", ""), () -> local(file))) {
                measure("thread", device, SELF, file, nanos);
                roundTrip("thread", device);
            }
        }
        for (int i = 2; i < args.length; i++) {
            String[] backend = args[i].split("=", 3);
            try (VirtioDevice device = over(backend[1])) {
                measure(backend[0], device, backend[2], file, nanos);
                roundTrip(backend[0], device);
            }
        }
        for (int i = 2; i < args.length; i++) {
            String[] backend = args[i].split("=", 3);
            try (VirtioDevice device = new RelayDevice("relay", over(backend[1]))) {
                measure(backend[0] + ", relay", device, backend[2], file, nanos);
            }
        }
    }
}
