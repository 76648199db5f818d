package jcrosvm.hypervisor.soft.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Pending;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Processors that share translations: bounded, right for each, and gone when the code is. */
@Timeout(120)
class SharedCodeTest {
    private static final int CODE = 2 << 20;
    private static final int PAGE = 4096;
    private static final int NEXT = CODE + PAGE;
    private static final int OTHER = CODE + 4 * PAGE;
    private static final int SMALL = 1 << 20;
    private static final byte[] HALT = {(byte) 0xf4};

    @BeforeEach
    void needsHost() {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "the translator needs an x86-64 host");
    }

    private static void start(FlatMachine machine, int physical) {
        machine.cpu.rip(machine.linear(physical));
        machine.cpu.take(-1);
        machine.cpu.halted = false;
    }

    /** Runs to HLT, as a run loop does: with a look at what is pending in between. */
    private static void run(FlatMachine machine, TranslatingEngine engine, int physical) {
        start(machine, physical);
        while (!machine.cpu.halted) {
            engine.run();
            if ((machine.cpu.pending() & Pending.COHERENCE) != 0) {
                machine.mmu.processor().safepoint();
            }
            machine.cpu.take(~Pending.COHERENCE);
        }
    }

    @Test
    void endlessNewCodeStaysWithinItsMemory() {
        try (FlatMachine machine = new FlatMachine()) {
            CodeCache cache = machine.cache(SMALL);
            try (TranslatingEngine engine = machine.engine(cache, false)) {
                byte[] jumps = new byte[1 << 20];
                for (int i = 0; i < jumps.length; i += 2) {
                    jumps[i] = (byte) 0xeb; // jmp to the next
                }
                machine.code(CODE, jumps);
                machine.code(CODE + jumps.length, HALT);
                for (int round = 0; round < 2; round++) {
                    run(machine, engine, CODE);
                    assertThat(machine.cpu.rip()).isEqualTo(machine.linear(CODE + jumps.length + 1));
                }
                assertThat(cache.generation()).isGreaterThan(100);
            }
        }
    }

    @Test
    void codeThatOnlyJumpsForwardIsLeftWhenSomethingIsPending() throws InterruptedException {
        try (FlatMachine machine = new FlatMachine();
                TranslatingEngine engine = machine.engine(false)) {
            byte[] jumps = new byte[3 << 20]; // takes seconds when it runs for the first time
            for (int i = 0; i < jumps.length; i += 2) {
                jumps[i] = 0x74; // je to the next
            }
            machine.code(CODE, jumps);
            machine.code(CODE + jumps.length, HALT);
            start(machine, CODE);
            Thread asks = Thread.ofPlatform().start(() -> {
                while (machine.cpu.rip() == machine.linear(CODE)) {
                    LockSupport.parkNanos(100_000); // until it is on its way
                }
                machine.cpu.request(Pending.KICK);
            });
            engine.run();
            asks.join();
            assertThat(machine.cpu.halted).isFalse();
            assertThat(machine.cpu.rip()).isLessThan(machine.linear(CODE + jumps.length));
        }
    }

    @Test
    void eachProcessorGoesToItsOwnPage() {
        eachEndsWith(
                11,
                -11,
                Map.of(
                        CODE, "e8fb0f0000" + "e9fb0f0000", // call page; jmp page + 5
                        NEXT, "ffc0c3" + "9090" + "83c00af4", // inc eax; ret; add eax, 10; hlt
                        OTHER, "ffc8c3" + "9090" + "83e80af4")); // dec eax; ret; sub eax, 10; hlt
    }

    @Test
    void anInstructionEndsInEachProcessorsOwnPage() {
        eachEndsWith(
                1,
                2,
                Map.of(
                        CODE,
                        "eb7e", // jmp to the next line
                        CODE + 0x80,
                        "e9790f0000", // jmp to the next line
                        CODE + PAGE - 2,
                        "81c0", // add eax, what the next page begins with
                        NEXT,
                        "01000000f4",
                        OTHER,
                        "02000000f4"));
    }

    /** Code in pages of two processors, of which the second sees another page behind the first one of the code. */
    private static void eachEndsWith(int eaxOfFirst, int eaxOfSecond, Map<Integer, String> code) {
        try (FlatMachine first = new FlatMachine();
                FlatMachine second = new FlatMachine(first, 1)) {
            second.mmu.processor().leave();
            second.map(second.linear(NEXT), OTHER, 0x63);
            second.mmu.flush(true);
            CodeCache cache = first.cache(SMALL);
            try (TranslatingEngine one = first.engine(cache, false);
                    TranslatingEngine two = second.engine(cache, false)) {
                code.forEach((at, bytes) -> first.code(at, HexFormat.of().parseHex(bytes)));
                for (int round = 0; round < 3; round++) {
                    for (FlatMachine machine : List.of(first, second)) {
                        machine.cpu.gpr(Cpu.RAX, 0);
                        machine.cpu.gpr(Cpu.RSP, machine.linear(6 << 20));
                        enter(machine, first, second);
                        run(machine, machine == first ? one : two, CODE);
                        assertThat((int) machine.cpu.gpr(Cpu.RAX))
                                .isEqualTo(machine == first ? eaxOfFirst : eaxOfSecond);
                    }
                }
            }
        }
    }

    /** Lets the thread be one processor's and no other's. */
    private static void enter(FlatMachine machine, FlatMachine... all) {
        for (FlatMachine each : all) {
            each.mmu.processor().leave();
        }
        machine.mmu.processor().enter();
    }

    /**
     * Two processors run through 64 pages that jump to each other, while a device writes their code again and again and
     * the cache is full every few rounds.
     */
    @Test
    void survivesWritesAndFlushesOnAllSides() throws InterruptedException {
        int pages = 64;
        int blocks = 48;
        AtomicReference<Throwable> failure = new AtomicReference<>();
        try (FlatMachine first = new FlatMachine();
                FlatMachine second = new FlatMachine(first, 1)) {
            first.mmu.processor().leave();
            second.mmu.processor().leave();
            CodeCache cache = first.cache(SMALL);
            byte[][] code = new byte[pages][];
            for (int i = 0; i < pages; i++) {
                code[i] = page(i, pages, blocks);
                first.code(CODE + i * PAGE, code[i]);
            }
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(4);
            List<Thread> threads = onThreads(List.of(first, second), cache, failure, (machine, engine) -> {
                while (System.nanoTime() < end && failure.get() == null) {
                    machine.cpu.gpr(Cpu.RAX, 0);
                    run(machine, engine, CODE);
                    assertThat(machine.cpu.gpr(Cpu.RAX)).isEqualTo((long) pages * blocks);
                }
            });
            Random random = new Random(1);
            while (System.nanoTime() < end && failure.get() == null) {
                int page = random.nextInt(pages);
                first.memory.written(CODE + page * PAGE + random.nextInt(PAGE - 64), 64);
                Thread.sleep(0, 100_000);
            }
            join(threads, failure);
        }
    }

    /** Starts a thread for each processor. */
    private static List<Thread> onThreads(
            List<FlatMachine> machines,
            CodeCache cache,
            AtomicReference<Throwable> failure,
            BiConsumer<FlatMachine, TranslatingEngine> task) {
        List<Thread> threads = new ArrayList<>();
        for (FlatMachine machine : machines) {
            threads.add(Thread.ofPlatform().start(() -> {
                machine.mmu.processor().enter();
                try (TranslatingEngine engine = machine.engine(cache, false)) {
                    task.accept(machine, engine);
                } catch (Throwable e) {
                    failure.compareAndSet(null, e);
                } finally {
                    machine.mmu.processor().leave();
                }
            }));
        }
        return threads;
    }

    private static void join(List<Thread> threads, AtomicReference<Throwable> failure) throws InterruptedException {
        for (Thread thread : threads) {
            thread.join(TimeUnit.SECONDS.toMillis(30));
            assertThat(thread.isAlive()).as("a processor hangs").isFalse();
        }
        assertThat(failure.get()).isNull();
    }

    /** A host may make a thread wait for 10 to 100 ms at each locked access to two lines, or end the program. */
    @Test
    void lockedAccessesToTwoLinesAreAtomicWithoutTheHosts() throws InterruptedException {
        int data = 4 << 20;
        int rounds = 5_000;
        AtomicReference<Throwable> failure = new AtomicReference<>();
        try (FlatMachine first = new FlatMachine();
                FlatMachine second = new FlatMachine(first, 1)) {
            first.mmu.processor().leave();
            second.mmu.processor().leave();
            CodeCache cache = first.cache(SMALL);
            // lock inc dword [rdi]; lock xadd [rdi+3ch], edx; lock bts qword [rdi], rbx; dec ecx; jnz; hlt
            first.code(CODE, HexFormat.of().parseHex("f0ff07" + "f00fc1573c" + "f0480fab1f" + "ffc975ef" + "f4"));
            List<Thread> threads = onThreads(List.of(first, second), cache, failure, (machine, engine) -> {
                machine.cpu.gpr(Cpu.RDI, machine.linear(data + 62));
                machine.cpu.gpr(Cpu.RCX, rounds);
                machine.cpu.gpr(Cpu.RBX, 47);
                machine.cpu.gpr(Cpu.RDX, 0);
                run(machine, engine, CODE);
            });
            join(threads, failure);
            assertThat(first.segment.get(ValueLayout.JAVA_LONG_UNALIGNED, data + 62))
                    .isEqualTo(2L * rounds | 1L << 47);
        }
    }

    /** {@code blocks} times: inc rax; jmp to the next; then a jump to the next page, or HLT. */
    private static byte[] page(int number, int pages, int blocks) {
        byte[] code = new byte[blocks * 5 + 5];
        for (int i = 0; i < blocks; i++) {
            code[5 * i] = 0x48;
            code[5 * i + 1] = (byte) 0xff;
            code[5 * i + 2] = (byte) 0xc0;
            code[5 * i + 3] = (byte) 0xeb;
        }
        int at = blocks * 5;
        if (number == pages - 1) {
            code[at] = (byte) 0xf4;
            return code;
        }
        int distance = PAGE - at - 5;
        code[at] = (byte) 0xe9;
        for (int i = 0; i < 4; i++) {
            code[at + 1 + i] = (byte) (distance >> 8 * i);
        }
        return code;
    }
}
