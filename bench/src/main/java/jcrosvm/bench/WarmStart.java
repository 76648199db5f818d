package jcrosvm.bench;

import java.nio.file.Path;
import java.util.Arrays;
import jcrosvm.guest.TinyGuest;
import jcrosvm.serial.SerialConfig;
import jcrosvm.vmm.VirtualMachine;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.DebugExitConfig;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.VmConfig;

/**
 * Starts a guest that ends at once, again and again in one JVM: {@code WarmStart IMAGE RUNS}. Each time counts from
 * before the configuration is made to after everything is given back.
 */
final class WarmStart {
    private static final int MEMORY_MIB = 128;

    private WarmStart() {}

    public static void main(String[] args) throws InterruptedException {
        Path image = Path.of(args[0]);
        int runs = Integer.parseInt(args[1]);
        long[] times = new long[runs];
        for (int i = 0; i < runs; i++) {
            long start = System.nanoTime();
            run(image);
            times[i] = System.nanoTime() - start;
        }
        // The first quarter warms the JVM up.
        long[] warm = Arrays.copyOfRange(times, runs / 4, runs);
        Arrays.sort(warm);
        System.out.printf(
                "first %.1f ms; of %d warm runs: min %.2f, median %.2f, 90%% %.2f, max %.2f ms%n",
                times[0] / 1e6,
                warm.length,
                warm[0] / 1e6,
                warm[warm.length / 2] / 1e6,
                warm[warm.length * 9 / 10] / 1e6,
                warm[warm.length - 1] / 1e6);
    }

    private static void run(Path image) throws InterruptedException {
        VmConfig config = VmConfig.builder()
                .hypervisor(new HypervisorConfig("kvm", null, null))
                .memoryMib(MEMORY_MIB)
                .kernel(image)
                .serial(SerialConfig.defaults())
                .debugExit(new DebugExitConfig(TinyGuest.DEBUG_EXIT, false))
                .build();
        try (VirtualMachine vm = VirtualMachine.create(config)) {
            VmExit how = vm.run();
            if (how != VmExit.STOP) {
                throw new IllegalStateException("the guest ended with " + how);
            }
        }
    }
}
