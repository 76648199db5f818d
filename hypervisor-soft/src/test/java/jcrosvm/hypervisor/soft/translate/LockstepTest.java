package jcrosvm.hypervisor.soft.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.interp.Engine;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.oracle.HostProcessor;
import org.junit.jupiter.api.Test;

/**
 * Random programs with jumps, loops, calls, faults and code that changes itself, over several pages: the interpreter
 * and the translator end in the same state.
 */
class LockstepTest {
    private static final int PROGRAMS = Integer.getInteger("jcrosvm.test.programs", 300);
    private static final int MAX_STEPS = 20_000;
    private static final int CODE = 2 << 20;
    private static final int CODE_SIZE = 4 * 4096;
    private static final int DATA = 4 << 20;
    private static final int DATA_SIZE = 3 * 4096;
    private static final int STACK = 6 << 20;
    private static final int STACK_SIZE = 4096;
    /** No page there. */
    private static final int HOLE = DATA + 2 * 4096;

    private final long seed = Long.getLong("jcrosvm.test.seed", System.nanoTime());
    private final Random random = new Random(seed);
    private final RandomInsns insns = new RandomInsns(random);
    private final byte[] memory = new byte[DATA_SIZE];
    private final long[] state = new long[64];

    private int program;
    private int steps;
    /** The program has executed something that leaves flags or results undefined. */
    private boolean undefined;

    private final Insn next = new Insn();

    @Test
    void translatorDoesAsTheInterpreter() {
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "the translator needs an x86-64 host");
        try (FlatMachine machine = new FlatMachine()) {
            machine.map(machine.linear(HOLE), 0, 0);
            TranslatingEngine translator = machine.engine(false);
            for (program = 0; program < PROGRAMS; program++) {
                int start = CODE + 4096 - random.nextInt(200);
                byte[] code = program();
                random.nextBytes(memory);
                for (int i = 0; i < state.length; i++) {
                    state[i] = random.nextLong() >> random.nextInt(64);
                }
                steps = 0;
                undefined = false;
                String expected = run(machine, () -> interpret(machine), code, start);
                if (steps == MAX_STEPS || undefined) {
                    continue; // it does not end, or the host may do otherwise
                }
                String actual = run(machine, translator, code, start);
                assertThat(actual).as("seed %d program %d", seed, program).isEqualTo(expected);
            }
            translator.close();
        }
    }

    private void interpret(FlatMachine machine) {
        while (machine.cpu.pending() == 0 && steps < MAX_STEPS) {
            undefined |= HostProcessor.hasOtherUndefined() && leavesUndefined(machine);
            machine.interpreter.step();
            steps++;
        }
    }

    /** Of the next instruction; programs that go astray meet any. */
    private boolean leavesUndefined(FlatMachine machine) {
        long at = machine.cpu.rip() - machine.linear(0);
        if (at < 0 || at > FlatMachine.SIZE - Decoder.MAX_LENGTH) {
            return false;
        }
        byte[] code = machine.segment.asSlice(at, Decoder.MAX_LENGTH).toArray(ValueLayout.JAVA_BYTE);
        return Decoder.decode(code, 0, code.length, 8, next) > 0 && !isDefined(next);
    }

    /** Everything that the program did, as text. */
    private String run(FlatMachine machine, Engine engine, byte[] code, int start) {
        Cpu cpu = machine.cpu;
        byte[] page = new byte[CODE_SIZE];
        byte[] stack = new byte[STACK_SIZE];
        Arrays.fill(stack, (byte) 0x5a);
        Arrays.fill(page, (byte) 0xf4);
        System.arraycopy(code, 0, page, start - CODE, code.length);
        machine.clear(); // programs may go astray: everything that they can reach
        machine.code(CODE, page);
        machine.code(DATA, memory);
        machine.code(STACK, stack);
        for (int i = 0; i < 16; i++) {
            cpu.gpr(i, state[i]);
        }
        cpu.gpr(4, machine.linear(STACK + STACK_SIZE / 2));
        cpu.gpr(13, machine.linear(DATA));
        cpu.gpr(10, machine.linear(DATA + 4096));
        cpu.gpr(11, (state[11] & 15) * 16);
        cpu.gpr(12, (state[12] & 15) * 16);
        for (int i = 0; i < 32; i++) {
            cpu.state().set(ValueLayout.JAVA_LONG, StateLayout.XMM + 8L * i, state[16 + i]);
        }
        cpu.state().set(ValueLayout.JAVA_INT, StateLayout.MXCSR, 0x1f80);
        cpu.rflags(state[48] & Rflags.ARITHMETIC | Rflags.FIXED);
        cpu.rip(machine.linear(start));
        cpu.take(-1);
        cpu.halted = false;
        cpu.interruptShadow = false;
        if (random.nextInt(4) == 0) {
            machine.mmu.flush(true);
        }
        StringBuilder result = new StringBuilder();
        try {
            engine.run();
        } catch (GuestException e) {
            result.append(e.getMessage()).append(" at %x ".formatted(cpu.cr2));
        }
        result.append("flags %x ".formatted(cpu.rflags() & ~Rflags.AF));
        result.append("halted %s rip %x\n".formatted(cpu.halted, cpu.rip() - machine.linear(CODE)));
        for (int i = 0; i < 16; i++) {
            result.append("%x ".formatted(cpu.gpr(i)));
        }
        for (int i = 0; i < 32; i++) {
            result.append("\nxmm %x".formatted(cpu.state().get(ValueLayout.JAVA_LONG, StateLayout.XMM + 8L * i)));
        }
        result.append("\nmxcsr %x".formatted(cpu.state().get(ValueLayout.JAVA_INT, StateLayout.MXCSR)));
        return result.append(bytes(machine, FlatMachine.FIRST, FlatMachine.SIZE - FlatMachine.FIRST))
                .toString();
    }

    private static String bytes(FlatMachine machine, int at, int length) {
        long hash = 0;
        for (long i = at; i < at + length; i += 8) {
            hash = (hash + machine.segment.get(ValueLayout.JAVA_LONG, i)) * 0x9e3779b97f4a7c15L;
        }
        return "\nmemory " + hash;
    }

    // Programs

    private byte[] program() {
        int count = 20 + random.nextInt(120);
        List<byte[]> list = new ArrayList<>();
        int[] target = new int[count];
        Arrays.fill(target, -1);
        for (int i = 0; i < count; i++) {
            int kind = random.nextInt(20);
            if (kind < 4) { // jcc or jmp forward, near
                target[i] = i + 1 + random.nextInt(Math.min(12, count - i));
                list.add(kind == 0 ? hex(0xe9, 0, 0, 0, 0) : hex(0x0f, 0x80 | random.nextInt(16), 0, 0, 0, 0));
            } else if (kind == 4) { // a subroutine somewhere behind: its end is a RET
                target[i] = i + 1 + random.nextInt(count - i);
                list.add(hex(0xe8, 0, 0, 0, 0));
            } else if (kind == 5) {
                list.add(hex(0xc3));
            } else if (kind == 6) { // a loop back, bounded by a counter in memory: sub dword [r13+...], 1; jae
                target[i] = Math.max(0, i - random.nextInt(10));
                list.add(hex(0x41, 0x80, 0xad, 0xf0 + random.nextInt(8), 0x0f, 0, 0, 0x30, 0x0f, 0x83, 0, 0, 0, 0));
            } else if (kind == 7 && random.nextInt(4) == 0) { // an immediate of the code itself changes
                list.add(hex(0xc6, 0x05, 1 + random.nextInt(4), 0, 0, 0, 0x90, 0xb9, 1, 2, 3, 4)); // of mov ecx, imm32
            } else if (kind == 8 && random.nextInt(8) == 0) { // into the hole: a page fault
                list.add(hex(0x41, 0x8b, 0x85, 0xf0, 0x1f, 0, 0)); // mov eax, [r13+1ff0]: still fine
                list.set(i, hex(0x41, 0x8b, 0x85, 0xfe - random.nextInt(2) * 8, 0x1f, 0, 0));
            } else if (kind == 9) {
                list.add(
                        switch (random.nextInt(5)) {
                            case 0 -> hex(0xfa);
                            case 1 -> hex(0xfb);
                            case 2 -> hex(0xfc);
                            case 3 -> hex(0x0f, 0x01, 0xf8);
                            default -> hex(0x66, 0x8c, 0xd8);
                        });
            } else if (kind == 10) { // lea rax, [rip+target]; jmp rax
                target[i] = i + 1 + random.nextInt(Math.min(12, count - i));
                list.add(hex(0xff, 0xe0, 0, 0, 0, 0, 0, 0, 0)); // encoded below
            } else {
                list.add(insns.next(LockstepTest::isDefined));
            }
        }
        return assemble(list, target);
    }

    private static byte[] assemble(List<byte[]> list, int[] target) {
        int[] at = new int[list.size() + 1];
        for (int i = 0; i < list.size(); i++) {
            at[i + 1] = at[i] + list.get(i).length;
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < list.size(); i++) {
            byte[] insn = list.get(i);
            if (target[i] >= 0) {
                int to = at[target[i]];
                int op = insn[0] & 0xff;
                if (op == 0xff) {
                    int distance = to - (at[i] + 7);
                    insn = hex(0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xff, 0xe0);
                    put(insn, 3, distance);
                } else {
                    put(insn, insn.length - 4, to - at[i + 1]);
                }
            }
            out.writeBytes(insn);
        }
        return out.toByteArray();
    }

    private static void put(byte[] into, int at, int value) {
        for (int i = 0; i < 4; i++) {
            into[at + i] = (byte) (value >> 8 * i);
        }
    }

    private static byte[] hex(int... bytes) {
        byte[] result = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            result[i] = (byte) bytes[i];
        }
        return result;
    }

    /** The host may leave undefined flags otherwise than the interpreter; nothing here looks at AF. */
    private static boolean isDefined(Insn insn) {
        return (insn.form.flagsUndefined() & ~Rflags.AF) == 0
                && insn.op != Op.LAHF
                && insn.op != Op.PUSHF
                && insn.length <= Decoder.MAX_LENGTH;
    }
}
