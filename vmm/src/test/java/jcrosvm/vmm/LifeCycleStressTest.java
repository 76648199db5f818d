package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.boot.BootConfig;
import jcrosvm.boot.PcDevices;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.vmm.config.RebootPolicy;
import jcrosvm.vmm.config.StartState;
import jcrosvm.vmm.config.VmConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Everything that can be asked of a VM against everything that its guest can do, at once. */
class LifeCycleStressTest {
    private static final int PM = (int) PcDevices.ACPI_PM.base();
    private static final int PM_ENABLE = PM + 2;
    private static final int PM_CONTROL = PM + 4;
    private static final int POWER_BUTTON = 0x100;
    private static final int SLEEP_BUTTON = 0x200;
    private static final int WAKE_STATUS = 0x8000;
    private static final int SLEEP_S1 = 0x2400;
    private static final int SLEEP_S5 = 0x2000;

    /** Nothing here takes a second; this is what a deadlock costs. */
    private static final long DEADLINE_SECONDS = 60;

    @TempDir
    private static Path folder;

    private static Path rom;

    private final long seed = Long.getLong("tests.seed", System.nanoTime());
    private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();

    @BeforeAll
    static void prepare() throws IOException {
        rom = folder.resolve("rom");
        Files.write(rom, new byte[4096]);
    }

    @BeforeEach
    void printSeed() {
        System.out.println("LifeCycleStressTest: -Dtests.seed=" + seed);
    }

    private static VmConfigBuilder config(int vcpus) {
        return VmConfig.builder()
                .cpus(vcpus)
                .memoryMib(2)
                .boot(BootConfig.defaults().withBios(rom))
                .reboot(RebootPolicy.IN_PLACE);
    }

    /** Restless: resets, sleeps, faults, and powers off when the button is pressed. */
    private static VcpuExit restless(VcpuExitHandler machine) {
        Random random = ThreadLocalRandom.current();
        switch (random.nextInt(40)) {
            case 0 -> machine.portWrite(PcDevices.RESET_PORT, 1, PcDevices.RESET_VALUE);
            case 1, 2 -> {
                machine.portWrite(PM_ENABLE, 2, POWER_BUTTON | SLEEP_BUTTON);
                machine.portWrite(PM_CONTROL, 2, SLEEP_S1);
            }
            case 3 -> {
                if (random.nextInt(20) == 0) {
                    return new VcpuExit.SystemEvent(VcpuExit.SystemEvent.Kind.RESET);
                }
            }
            case 4 -> {
                if (random.nextInt(8) == 0 && (machine.portRead(PM, 2) & POWER_BUTTON) != 0) {
                    machine.portWrite(PM_CONTROL, 2, SLEEP_S5);
                }
            }
            case 5 -> machine.portWrite(PM, 2, 0xffff);
            default -> LockSupport.parkNanos(random.nextInt(100_000));
        }
        return null;
    }

    private void controlled(Runnable action) {
        try {
            action.run();
        } catch (OsException e) {
            // The documented one: only vCPUs were to be resumed while devices are suspended.
            if (e.errno() != Errno.EINVAL) {
                failures.add(e);
            }
        } catch (Throwable e) {
            failures.add(e);
        }
    }

    private void anything(VirtualMachine vm, Random random) {
        switch (random.nextInt(8)) {
            case 0 -> vm.powerButton();
            case 1, 2 -> vm.sleepButton();
            case 3 -> vm.suspend(false);
            case 4 -> vm.suspend(true);
            case 5 -> vm.resume(false);
            default -> vm.resume(true);
        }
    }

    private Thread start(String name, Runnable action) {
        Thread thread = Thread.ofPlatform().name(name).daemon().unstarted(action);
        thread.setUncaughtExceptionHandler((t, e) -> failures.add(e));
        thread.start();
        return thread;
    }

    private static void join(Thread thread) throws InterruptedException {
        if (!thread.join(Duration.ofSeconds(DEADLINE_SECONDS))) {
            StringBuilder dump = new StringBuilder("deadlock: " + thread.getName() + " did not end\n");
            for (Map.Entry<Thread, StackTraceElement[]> entry :
                    Thread.getAllStackTraces().entrySet()) {
                dump.append(entry.getKey()).append('\n');
                for (StackTraceElement element : entry.getValue()) {
                    dump.append("    ").append(element).append('\n');
                }
            }
            fail(dump.toString());
        }
    }

    @Test
    void alwaysEndsAndUsesNothingClosed() throws InterruptedException {
        Thread.setDefaultUncaughtExceptionHandler((t, e) -> failures.add(e));
        Random random = new Random(seed);
        for (int i = 0; i < 400; i++) {
            once(new Random(random.nextLong()));
            assertThat(failures).as("iteration %d", i).isEmpty();
        }
        Thread.setDefaultUncaughtExceptionHandler(null);
    }

    private void once(Random random) throws InterruptedException {
        FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> restless(machine));
        VmConfig config = config(1 + random.nextInt(3))
                .start(StartState.values()[random.nextInt(StartState.values().length)])
                .build();
        AtomicReference<VmExit> how = new AtomicReference<>();
        VirtualMachine vm = VirtualMachine.create(config, hypervisor.choice());
        List<Thread> threads = new ArrayList<>();
        for (int n = 0; n < 3; n++) {
            Random own = new Random(random.nextLong());
            int actions = own.nextInt(30);
            boolean stops = n == 0;
            threads.add(start("control" + n, () -> {
                for (int i = 0; i < actions; i++) {
                    controlled(() -> anything(vm, own));
                    LockSupport.parkNanos(own.nextInt(200_000));
                }
                if (stops) {
                    controlled(vm::stop);
                }
            }));
        }
        boolean closedWhileItRuns = random.nextInt(4) == 0;
        Thread main = start("main", () -> {
            try {
                how.set(vm.run());
            } catch (InterruptedException e) {
                failures.add(e);
            } catch (IllegalStateException e) {
                if (!closedWhileItRuns) {
                    failures.add(e); // it may be closed before it is started
                }
            }
        });
        if (closedWhileItRuns) {
            LockSupport.parkNanos(random.nextInt(1_000_000));
            vm.close();
        }
        join(main);
        for (Thread thread : threads) {
            join(thread);
        }
        if (!closedWhileItRuns) {
            assertThat(how.get()).isIn(VmExit.STOP, VmExit.CRASH);
        }
        for (int i = 0; i < 10; i++) {
            controlled(() -> anything(vm, random)); // nothing is left to ask
        }
        vm.close();
        vm.close();
        assertThat(hypervisor.misuses).isEmpty();
        assertThat(hypervisor.open).hasValue(0);
    }

    @Test
    void aPressNeverMissesASleepThatIsJustBeginning() throws InterruptedException {
        Random random = new Random(seed);
        int rounds = 3000;
        AtomicInteger begun = new AtomicInteger();
        AtomicInteger woken = new AtomicInteger();
        boolean[] sleeping = new boolean[1]; // the one vCPU's own
        FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> {
            if (!sleeping[0]) {
                machine.portWrite(PM_ENABLE, 2, SLEEP_BUTTON);
                machine.portWrite(PM, 2, 0xffff);
                begun.incrementAndGet();
                if (ThreadLocalRandom.current().nextBoolean()) {
                    LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(300_000));
                }
                machine.portWrite(PM_CONTROL, 2, SLEEP_S1);
                sleeping[0] = true;
            } else if ((machine.portRead(PM, 2) & WAKE_STATUS) != 0) {
                sleeping[0] = false;
                woken.incrementAndGet();
            } else {
                Thread.onSpinWait();
            }
            return null;
        });
        try (VirtualMachine vm = VirtualMachine.create(config(1).build(), hypervisor.choice())) {
            vm.start();
            for (int round = 1; round <= rounds; round++) {
                await(begun, round);
                LockSupport.parkNanos(random.nextInt(100_000));
                int action = random.nextInt(4);
                if (action == 0) {
                    vm.suspend(random.nextBoolean());
                }
                vm.sleepButton();
                if (action == 0) {
                    vm.resume(true);
                }
                await(woken, round);
            }
        }
        assertThat(hypervisor.misuses).isEmpty();
    }

    @Test
    void requestsBeforeTheStartAreKept() throws InterruptedException {
        for (StartState state : StartState.values()) {
            AtomicInteger steps = new AtomicInteger();
            FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> {
                steps.incrementAndGet();
                LockSupport.parkNanos(10_000);
                return null;
            });
            VmConfig config = config(1).start(state).build();
            try (VirtualMachine vm = VirtualMachine.create(config, hypervisor.choice())) {
                vm.resume(true);
                vm.start();
                await(steps, 1);
            }
            steps.set(0);
            try (VirtualMachine vm = VirtualMachine.create(config, hypervisor.choice())) {
                vm.suspend(true);
                vm.start();
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
                assertThat(steps).hasValue(0);
                vm.resume(true);
                await(steps, 1);
            }
        }
    }

    @Test
    void pressesApplyToTheMachineThatComesAfterAReset() throws InterruptedException {
        // The guest resets itself until its first machine with a pressed button.
        FakeHypervisor hypervisor = new FakeHypervisor((vcpu, machine) -> {
            if ((machine.portRead(PM, 2) & POWER_BUTTON) != 0) {
                machine.portWrite(PM_CONTROL, 2, SLEEP_S5);
            } else {
                machine.portWrite(PcDevices.RESET_PORT, 1, PcDevices.RESET_VALUE);
            }
            LockSupport.parkNanos(1000);
            return null;
        });
        try (VirtualMachine vm = VirtualMachine.create(config(1).build(), hypervisor.choice())) {
            Thread main = start("main", () -> {
                try {
                    vm.run();
                } catch (InterruptedException e) {
                    failures.add(e);
                }
            });
            while (main.isAlive()) {
                vm.powerButton();
                LockSupport.parkNanos(100_000);
            }
            join(main);
        }
        assertThat(failures).isEmpty();
        assertThat(hypervisor.misuses).isEmpty();
    }

    private static void await(AtomicInteger counter, int value) {
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
        while (counter.get() < value) {
            if (System.nanoTime() > until) {
                fail("stays at " + counter + ", not " + value);
            }
            LockSupport.parkNanos(5_000);
        }
    }
}
