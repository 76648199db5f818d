package jcrosvm.hypervisor.soft;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import jcrosvm.hypervisor.DebugControl;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.soft.apic.ApicBus;
import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.apic.TimeStampCounter;
import jcrosvm.hypervisor.soft.apic.Timers;
import jcrosvm.hypervisor.soft.apic.VmClock;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Pending;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.interp.UnsupportedInstruction;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

/** The loop over a core that is told what its "instructions" do. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class RunLoopTest {
    // Never closed: the thread of a test that has met its limit still uses it.
    private final Cpu cpu = new Cpu(0);
    private final ApicBus bus = new ApicBus();
    private final FakeCore core = new FakeCore();
    private final VmClock clock = new VmClock(System::nanoTime);
    private final LocalApic apic = new LocalApic(
            0,
            bus,
            clock,
            new TimeStampCounter(clock),
            new Timers(clock, delay -> {}),
            bits -> loop().signal(bits),
            vector -> {});
    private RunLoop loop;
    private final Cpu otherCpu = new Cpu(1);
    private RunLoop other;
    private final Pic pic = new Pic();

    private final class FakeCore implements Core {
        final List<String> log = new ArrayList<>();
        Runnable code = () -> cpu.halted = true;
        boolean deliverable = true;
        VcpuExit.Debug stop;

        @Override
        public void run() {
            log.add("run");
            code.run();
        }

        @Override
        public void step() {
            log.add("step");
            cpu.interruptShadow = false;
        }

        @Override
        public boolean exception(GuestException fault) {
            log.add("exception " + fault.vector());
            return deliverable;
        }

        @Override
        public boolean interrupt(int vector) {
            log.add("interrupt " + Integer.toHexString(vector));
            cpu.rflags(cpu.rflags() & ~Rflags.IF);
            return deliverable;
        }

        @Override
        public void debug(DebugControl control) {
            log.add("debug");
        }

        @Override
        public VcpuExit.Debug stop() {
            VcpuExit.Debug due = stop;
            stop = null;
            return due;
        }

        @Override
        public OptionalLong translate(long linear) {
            return OptionalLong.empty();
        }

        @Override
        public boolean nmi() {
            log.add("nmi");
            cpu.nmiBlocked = true;
            return deliverable;
        }

        @Override
        public String shutdownReason() {
            return "triple fault";
        }

        @Override
        public String place() {
            return "at 1000";
        }

        @Override
        public void coherence() {
            cpu.take(Pending.COHERENCE);
            log.add("coherence");
        }

        @Override
        public void enter() {}

        @Override
        public void leave() {}

        @Override
        public void stateChanged() {}

        @Override
        public void close() {}
    }

    private static final class Pic implements VcpuExitHandler {
        int vector = -1;

        @Override
        public long portRead(int port, int size) {
            return 0;
        }

        @Override
        public void portWrite(int port, int size, long value) {}

        @Override
        public long mmioRead(long address, int size) {
            return 0;
        }

        @Override
        public void mmioWrite(long address, int size, long value) {}

        @Override
        public boolean externalInterrupt() {
            return vector >= 0;
        }

        @Override
        public int acknowledgeInterrupt() {
            int was = vector;
            vector = -1;
            return was;
        }
    }

    private RunLoop loop() {
        return loop;
    }

    @BeforeEach
    void powerOn() {
        ResetState.powerOn(cpu);
        FinalHalt end = new FinalHalt();
        loop = new RunLoop(cpu, apic, core, end, false);
        other = new RunLoop(otherCpu, apic, core, end, true); // so that a halt is not the end
    }

    @Test
    void theLastHaltWithoutInterruptsIsTheEnd() throws InterruptedException {
        cpu.halted = true;
        cpu.rflags(Rflags.FIXED);
        Thread first = Thread.ofPlatform().start(() -> assertThat(loop.run(pic)).isEqualTo(VcpuExit.INTERRUPTED));
        // Parked, and not about to look itself whether the end is reached: it could find the other one there.
        while (!loop.isHopeless() || first.getState() != Thread.State.WAITING) {
            Thread.onSpinWait();
        }
        assertThat(other.run(pic)).isEqualTo(VcpuExit.HALT); // waits for a start-up message that does not come
        loop.signal(Pending.KICK);
        first.join();
    }

    private void interruptsOn() {
        cpu.rflags(cpu.rflags() | Rflags.IF);
    }

    private void enableApic() {
        apic.write(0xf0, 4, 0x1ff);
    }

    private void kick() {
        loop().signal(Pending.KICK);
    }

    /** Each time the engine runs, the next of these happens; after the last comes a kick. */
    private List<String> run(Runnable... steps) {
        AtomicInteger next = new AtomicInteger();
        core.code = () -> {
            int n = next.getAndIncrement();
            if (n < steps.length) {
                steps[n].run();
            } else {
                kick();
            }
        };
        assertThat(loop().run(pic)).isEqualTo(VcpuExit.INTERRUPTED);
        return core.log;
    }

    @Test
    void aKickBeforeRunningIsSeenAtOnce() {
        kick();
        assertThat(loop().run(pic)).isEqualTo(VcpuExit.INTERRUPTED);
        assertThat(core.log).isEmpty();
    }

    @Test
    void interruptsWaitForTheFlag() {
        enableApic();
        assertThat(run(
                        () -> bus.message(0xfee0_0000L, 0x41),
                        () -> {
                            assertThat(cpu.interruptWaiting).isTrue();
                            interruptsOn();
                            cpu.unblocked();
                            assertThat(cpu.pending()).isEqualTo(Pending.SELF);
                        },
                        () -> assertThat(cpu.interruptWaiting).isFalse()))
                .containsExactly("run", "run", "interrupt 41", "run", "run");
    }

    @Test
    void interruptsWaitForTheEndOfTheShadow() {
        enableApic();
        interruptsOn();
        assertThat(run(() -> {
                    cpu.interruptShadow = true;
                    bus.message(0xfee0_0000L, 0x41);
                }))
                .containsExactly("run", "step", "interrupt 41", "run");
    }

    @Test
    void nmisDoNotNest() {
        assertThat(run(
                        () -> loop().signal(Pending.NMI),
                        () -> loop().signal(Pending.NMI),
                        () -> {
                            assertThat(cpu.interruptWaiting).isTrue();
                            cpu.nmiBlocked = false;
                            cpu.unblocked();
                        },
                        () -> {}))
                .containsExactly("run", "nmi", "run", "run", "nmi", "run", "run");
    }

    @Test
    void thePicComesThroughLint0Only() {
        enableApic();
        interruptsOn();
        pic.vector = 0x20;
        assertThat(run(() -> apic.write(0x350, 4, 0x700), () -> {}))
                .as("LINT0 is masked at first")
                .containsExactly("run", "interrupt 20", "run", "run");
    }

    @Test
    void aHaltedProcessorSleepsUntilAnInterrupt() throws InterruptedException {
        enableApic();
        interruptsOn();
        cpu.halted = true;
        Thread thread = Thread.currentThread();
        Thread waker = Thread.ofPlatform().start(() -> {
            awaitSleep(thread);
            bus.message(0xfee0_0000L, 0x41);
        });
        assertThat(run()).containsExactly("interrupt 41", "run");
        waker.join();
    }

    @Test
    void aHaltedProcessorWithoutTheFlagIgnoresInterruptsAndTakesNmis() throws InterruptedException {
        enableApic();
        cpu.halted = true;
        Thread thread = Thread.currentThread();
        Thread waker = Thread.ofPlatform().start(() -> {
            awaitSleep(thread);
            bus.message(0xfee0_0000L, 0x41);
            LockSupport.parkNanos(20_000_000);
            awaitSleep(thread);
            loop().signal(Pending.NMI);
        });
        assertThat(run()).containsExactly("nmi", "run");
        waker.join();
    }

    private static void awaitSleep(Thread thread) {
        while (thread.getState() != Thread.State.WAITING) {
            LockSupport.parkNanos(100_000);
        }
    }

    @Test
    void kicksAreNeverLost() throws InterruptedException {
        AtomicInteger acknowledged = new AtomicInteger();
        SplittableRandom random = new SplittableRandom(1);
        int kicks = 20_000;
        core.code = () -> {
            core.log.clear();
            cpu.halted = random.nextInt(4) != 0;
            for (int i = random.nextInt(200); i > 0 && cpu.pending() == 0; i--) {
                Thread.onSpinWait();
            }
        };
        Thread thread = Thread.ofPlatform().start(() -> {
            while (acknowledged.get() < kicks) {
                if (loop().run(pic) instanceof VcpuExit.Interrupted) {
                    acknowledged.incrementAndGet();
                }
                cpu.halted = false;
            }
        });
        for (int i = 0; i < kicks; i++) {
            kick();
            awaitMore(acknowledged, i);
            assertThat(acknowledged.get()).as("kick %d", i).isGreaterThan(i);
        }
        thread.join(20_000);
        assertThat(thread.isAlive()).isFalse();
    }

    /** Spins at first, and then leaves the CPU to the other thread where it has none of its own. */
    private static void awaitMore(AtomicInteger count, int than) {
        long deadline = System.nanoTime() + 20_000_000_000L;
        for (int spins = 0; count.get() <= than && System.nanoTime() < deadline; spins++) {
            if (spins < 1000) {
                Thread.onSpinWait();
            } else {
                Thread.yield();
            }
        }
    }

    @Test
    void interruptsAreNeverLost() throws InterruptedException {
        enableApic();
        AtomicInteger taken = new AtomicInteger();
        int interrupts = 20_000;
        core.code = () -> {
            core.log.clear();
            if (!cpu.flag(Rflags.IF)) { // the handler ran
                apic.write(0xb0, 4, 0);
                taken.incrementAndGet();
                interruptsOn();
                cpu.unblocked();
            }
            cpu.halted = true;
            cpu.request(Pending.SELF);
        };
        interruptsOn();
        Thread thread = Thread.ofPlatform().start(() -> loop().run(pic));
        for (int i = 0; i < interrupts; i++) {
            bus.message(0xfee0_0000L, 0x41);
            awaitMore(taken, i);
            assertThat(taken.get()).as("interrupt %d", i).isGreaterThan(i);
        }
        kick();
        thread.join(20_000);
        assertThat(thread.isAlive()).isFalse();
    }

    @Test
    void initAndStartup() {
        cpu.gpr(Cpu.RBX, 77);
        assertThat(run(
                        () -> {
                            apic.base(LocalApic.DEFAULT_BASE | LocalApic.BASE_ENABLED); // not the boot processor
                            loop().signal(Pending.STARTUP);
                        },
                        () -> {
                            bus.message(0xfee0_0000L, 0x500 | 0x4000);
                            bus.message(0xfee0_0000L, 0x69a);
                            bus.message(0xfee0_0000L, 0x69b);
                        },
                        () -> {
                            assertThat(cpu.gpr(Cpu.RBX)).isZero();
                            assertThat(cpu.selector[Cpu.CS]).isEqualTo(0x9b00);
                            assertThat(cpu.segmentBase(Cpu.CS)).isEqualTo(0x9b000);
                            assertThat(cpu.rip()).isZero();
                        }))
                .containsExactly("run", "run", "run", "run");
    }

    @Test
    void theBootProcessorStartsAtTheResetVectorAfterInit() {
        run(
                () -> {
                    cpu.rip(0x1234);
                    bus.message(0xfee0_0000L, 0x500 | 0x4000);
                },
                () -> {
                    assertThat(cpu.rip()).isEqualTo(0xfff0);
                    assertThat(cpu.segmentBase(Cpu.CS)).isEqualTo(0xffff_0000L);
                });
    }

    @Test
    void faultsAreDelivered() {
        run(() -> {
            throw cpu.ud();
        });
        assertThat(core.log).containsExactly("run", "exception 6", "run");
    }

    @Test
    void undeliverableFaultsShutDown() {
        core.deliverable = false;
        core.code = () -> {
            throw cpu.gp(0);
        };
        assertThat(loop().run(pic)).isEqualTo(VcpuExit.SHUTDOWN);
    }

    @Test
    void whatCannotBeExecutedIsNamed() {
        core.code = () -> {
            throw new UnsupportedInstruction("vaddps");
        };
        assertThat(loop().run(pic))
                .isEqualTo(new VcpuExit.Failed("the software processor cannot execute vaddps, at 1000"));
    }
}
