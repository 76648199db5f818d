package jcrosvm.hypervisor.soft.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Pending;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.interp.UnsupportedInstruction;
import org.junit.jupiter.api.Test;

/**
 * Arbitrary bytes as 64-bit code, translated: nothing but guest faults comes out, it always ends, and this JVM, in which
 * the code runs, survives. {@code -Dtests.seed=} repeats a run, {@code -Dtests.fuzz.seconds=} makes it longer.
 */
class TranslatorFuzzTest {
    private static final int CODE = 2 << 20;
    private static final int CODE_SIZE = 2 * 4096;
    private static final int DATA = 4 << 20;
    private static final int STACK = 6 << 20;
    private static final int FAULTS = 100;

    private final long seed = Long.getLong("tests.seed", System.nanoTime());
    private final Random random = new Random(seed);
    private volatile boolean done;

    @Test
    void survivesArbitraryBytes() throws InterruptedException {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "the translator needs an x86-64 host");
        System.out.println("TranslatorFuzzTest: tests.seed=" + seed);
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(Integer.getInteger("tests.fuzz.seconds", 5));
        long faults = 0;
        int programs = 0;
        try (FlatMachine machine = new FlatMachine();
                TranslatingEngine engine = machine.engine(false)) {
            Thread clock = Thread.ofPlatform().daemon().start(() -> interrupt(machine.cpu));
            while (System.nanoTime() < end) {
                prepare(machine);
                faults += run(machine, engine);
                programs++;
            }
            done = true;
            clock.join();
        }
        assertThat(programs).as("seed %d", seed).isPositive();
        assertThat(faults).as("seed %d", seed).isPositive();
    }

    private void interrupt(Cpu cpu) {
        while (!done) {
            cpu.request(Pending.SELF);
            try {
                Thread.sleep(2);
            } catch (InterruptedException e) {
                return;
            }
        }
    }

    /** Goes on behind each fault, as a careless handler would. */
    private static int run(FlatMachine machine, TranslatingEngine engine) {
        Cpu cpu = machine.cpu;
        int faults = 0;
        while (faults < FAULTS) {
            try {
                engine.run();
                if (cpu.halted || cpu.take(-1) != 0) {
                    return faults;
                }
            } catch (GuestException | UnsupportedInstruction e) {
                faults++;
                cpu.rip(cpu.rip() + 1);
            }
        }
        return faults;
    }

    private void prepare(FlatMachine machine) {
        Cpu cpu = machine.cpu;
        machine.reset();
        byte[] code = new byte[CODE_SIZE];
        random.nextBytes(code);
        // Prefixes of 64-bit code and the second map are what compilers use most.
        for (int i = random.nextInt(8); i < code.length; i += 1 + random.nextInt(8)) {
            code[i] = (byte) (random.nextBoolean() ? 0x48 : random.nextBoolean() ? 0x0f : 0x41 + random.nextInt(15));
        }
        byte[] data = new byte[4096];
        random.nextBytes(data);
        machine.code(CODE, code);
        machine.code(DATA, data);
        for (int i = 0; i < 16; i++) {
            boolean pointer = random.nextInt(3) != 0;
            long linear = machine.linear(random.nextBoolean() ? DATA : CODE) + random.nextInt(5000);
            cpu.gpr(i, pointer ? linear : random.nextLong() >> random.nextInt(64));
        }
        cpu.gpr(Cpu.RSP, machine.linear(STACK));
        for (int i = 0; i < 64; i++) {
            cpu.state().set(ValueLayout.JAVA_LONG, StateLayout.XMM + 8L * (i & 31), random.nextLong());
        }
        cpu.rflags(Rflags.FIXED | random.nextLong() & Rflags.ARITHMETIC);
        cpu.rip(machine.linear(CODE) + random.nextInt(CODE_SIZE));
        machine.mmu.flush(true);
        machine.mmu.rightsChanged();
        machine.system.debugging().changed();
    }
}
