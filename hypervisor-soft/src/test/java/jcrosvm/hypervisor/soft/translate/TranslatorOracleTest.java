package jcrosvm.hypervisor.soft.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.soft.oracle.HostProcessor;
import org.junit.jupiter.api.Test;

/** Random sequences of instructions, translated and on the host itself: the same registers, flags and memory. */
class TranslatorOracleTest {
    private static final int CODE = 2 << 20;
    private static final int DATA = 4 << 20;
    private static final int DATA_SIZE = 3 * 4096;
    private static final int STACK = 6 << 20;
    private static final int STACK_SIZE = 4096;

    private static final int SEQUENCES = Integer.getInteger("jcrosvm.test.sequences", 4000);

    private final Random random;
    private final RandomInsns insns;
    private final long seed = Long.getLong("jcrosvm.test.seed", System.nanoTime());
    private final byte[] initial = new byte[DATA_SIZE];
    private int undefined;

    TranslatorOracleTest() {
        random = new Random(seed);
        insns = new RandomInsns(random);
    }

    @Test
    void likeTheHost() {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "the oracle is an x86-64 host");
        try (FlatMachine machine = new FlatMachine();
                NativeRun oracle = new NativeRun()) {
            TranslatingEngine engine = machine.engine(true);
            for (int i = 0; i < SEQUENCES; i++) {
                sequence(machine, oracle, engine);
            }
            engine.close();
        }
    }

    private void sequence(FlatMachine machine, NativeRun oracle, TranslatingEngine engine) {
        undefined = 0;
        List<byte[]> sequence = new ArrayList<>();
        int count = 1 + random.nextInt(14);
        int length = 0;
        for (int i = 0; i < count; i++) {
            byte[] insn =
                    insns.next(candidate -> (candidate.form.flagsRead() & undefined) == 0 && runsOnHost(candidate));
            undefined = undefined & ~insns.last().form.flagsWritten()
                    | insns.last().form.flagsUndefined();
            sequence.add(insn);
            length += insn.length;
        }
        byte[] code = new byte[length + 1];
        int at = 0;
        StringBuilder text = new StringBuilder("seed " + seed);
        for (byte[] insn : sequence) {
            System.arraycopy(insn, 0, code, at, insn.length);
            at += insn.length;
            text.append("\n  ").append(HexFormat.ofDelimiter(" ").formatHex(insn));
        }
        code[length] = (byte) 0xf4;
        byte[] plain = java.util.Arrays.copyOf(code, length);

        random.nextBytes(initial);
        long[] gpr = new long[16];
        for (int i = 0; i < 16; i++) {
            gpr[i] = number();
        }
        gpr[4] = machine.linear(STACK + STACK_SIZE / 2);
        gpr[13] = machine.linear(DATA);
        gpr[10] = machine.linear(DATA + 4096);
        gpr[11] = random.nextInt(16) * 16L;
        gpr[12] = random.nextInt(16) * 16L;
        long flags = random.nextInt() & Rflags.ARITHMETIC;
        for (int i = 0; i < 16; i++) {
            oracle.gpr(i, gpr[i]);
            machine.cpu.gpr(i, gpr[i]);
        }
        for (int i = 0; i < 32; i++) {
            long x = number();
            oracle.xmm(i, x);
            machine.cpu.state().set(ValueLayout.JAVA_LONG, StateLayout.XMM + 8L * i, x);
        }
        int mxcsr = 0x1f80 | random.nextInt(4) << 13 | (random.nextInt(8) == 0 ? 0x8040 : 0);
        oracle.mxcsr(mxcsr);
        machine.cpu.state().set(ValueLayout.JAVA_INT, StateLayout.MXCSR, mxcsr);
        oracle.flags(flags);
        machine.cpu.rflags(flags | Rflags.FIXED);

        fill(machine);
        oracle.run(plain);
        byte[] expected = memory(machine);
        fill(machine);
        int place = CODE + random.nextInt(4) * 4096 + random.nextInt(4096 - code.length);
        machine.code(place, code);
        if (random.nextInt(3) == 0) {
            machine.mmu.flush(true);
        }
        machine.cpu.rip(machine.linear(place));
        machine.cpu.take(-1);
        machine.cpu.halted = false;
        engine.run();
        assertThat(machine.cpu.halted).as("%s", text).isTrue();

        assertThat(machine.cpu.rip()).as("rip %s", text).isEqualTo(machine.linear(place + length + 1));
        for (int i = 0; i < 16; i++) {
            assertThat(machine.cpu.gpr(i)).as("register %d %s", i, text).isEqualTo(oracle.gpr(i));
        }
        for (int i = 0; i < 32; i++) {
            assertThat(machine.cpu.state().get(ValueLayout.JAVA_LONG, StateLayout.XMM + 8L * i))
                    .as("xmm%d %s", i / 2, text)
                    .isEqualTo(oracle.xmm(i));
        }
        assertThat(machine.cpu.state().get(ValueLayout.JAVA_INT, StateLayout.MXCSR))
                .as("mxcsr %s", text)
                .isEqualTo(oracle.mxcsr());
        long mask = Rflags.ARITHMETIC & ~undefined;
        assertThat(machine.cpu.rflags() & mask).as("flags %s", text).isEqualTo(oracle.flags() & mask);
        assertThat(memory(machine)).as("memory %s", text).isEqualTo(expected);
    }

    private boolean runsOnHost(Insn insn) {
        if (insn.memory && insn.isLocked() && HostProcessor.seesSplitLocks() && random.nextInt(1000) != 0) {
            // Registers add multiples of the size, and of 16 where they are no bit offset.
            int size = insn.size[insn.kind[0] == OperandKind.MEMORY ? 0 : 1];
            boolean bitString = insn.op.compareTo(Op.BT) >= 0 && insn.op.compareTo(Op.BTC) <= 0;
            return bitString ? insn.disp % size == 0 : (insn.disp & 15) + size <= 16;
        }
        return !HostProcessor.differs(insn);
    }

    private void fill(FlatMachine machine) {
        MemorySegment.copy(initial, 0, machine.segment, ValueLayout.JAVA_BYTE, DATA, DATA_SIZE);
        machine.segment.asSlice(STACK, STACK_SIZE).fill((byte) 0x5a);
    }

    private static byte[] memory(FlatMachine machine) {
        byte[] bytes = new byte[DATA_SIZE + STACK_SIZE / 2];
        MemorySegment.copy(machine.segment, ValueLayout.JAVA_BYTE, DATA, bytes, 0, DATA_SIZE);
        // What lies below the native stack pointer is the kernel's.
        MemorySegment.copy(
                machine.segment, ValueLayout.JAVA_BYTE, STACK + STACK_SIZE / 2, bytes, DATA_SIZE, STACK_SIZE / 2);
        return bytes;
    }

    private long number() {
        return switch (random.nextInt(8)) {
            case 0 -> random.nextInt(4) - 2;
            case 1 -> random.nextInt(256);
            case 2 -> 1L << random.nextInt(64);
            case 3 -> Long.MIN_VALUE - random.nextInt(3) + 1;
            case 4 -> random.nextInt();
            case 5 -> Double.doubleToRawLongBits(random.nextDouble() * 1000 - 500);
            default -> random.nextLong();
        };
    }
}
