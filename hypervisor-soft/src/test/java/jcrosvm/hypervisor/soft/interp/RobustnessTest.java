package jcrosvm.hypervisor.soft.interp;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.SplittableRandom;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.interp.CodeMachine.Mode;
import jcrosvm.hypervisor.soft.isa.Decoder;
import jcrosvm.hypervisor.soft.isa.Insn;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Arbitrary bytes in every mode: nothing but faults of the guest comes out, and a fault leaves the registers. */
final class RobustnessTest {
    private static final int ROUNDS = Integer.getInteger("robustness.rounds", 30_000);
    private static final long SEED = Long.getLong("robustness.seed", 4711);
    private static final int REGISTERS = 16;
    private static final int[] PREFIXES = {0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x48, 0x41, 0x2e, 0x36, 0x64, 0x65, 0x0f};

    private final SplittableRandom random = new SplittableRandom(SEED);
    private final byte[] code = new byte[16];
    private final long[] before = new long[REGISTERS + 2];

    private void someCode() {
        random.nextBytes(code);
        int prefixes = random.nextInt(4);
        for (int i = 0; i < prefixes; i++) {
            code[i] = (byte) PREFIXES[random.nextInt(PREFIXES.length)];
        }
    }

    private long someValue() {
        return switch (random.nextInt(6)) {
            case 0 -> random.nextLong();
            case 1 -> random.nextInt();
            case 2 -> random.nextInt(300);
            case 3 -> (1L << 47) - random.nextInt(20);
            default -> CodeMachine.DATA + random.nextInt(0x8000);
        };
    }

    private void prepare(CodeMachine m) {
        m.set(m.mode);
        Cpu cpu = m.cpu;
        for (int i = 0; i < REGISTERS; i++) {
            cpu.gpr(i, someValue());
        }
        long flags = random.nextInt() & (Rflags.ARITHMETIC | Rflags.DF | Rflags.IOPL | Rflags.AC | Rflags.NT);
        cpu.rflags(cpu.rflags() & Rflags.VM | Rflags.FIXED | flags);
        if (m.mode != Mode.REAL && m.mode != Mode.VIRTUAL_8086 && random.nextInt(3) == 0) {
            cpu.cpl = 3;
        }
        for (int n = Cpu.ES; n <= Cpu.GS; n++) {
            if (n != Cpu.CS && random.nextInt(4) == 0) {
                cpu.limit[n] = random.nextInt(0x2_0000);
                cpu.attributes[n] ^= random.nextInt(8) << 1 & 0xe;
            }
        }
        cpu.modeChanged();
        m.mmu.rightsChanged();
        long place = random.nextInt(8) == 0 ? 0x8000 - random.nextInt(16) : CodeMachine.CODE;
        m.bytes(place, HexFormat.of().formatHex(code));
        cpu.rip(place);
    }

    private void save(Cpu cpu) {
        for (int i = 0; i < REGISTERS; i++) {
            before[i] = cpu.gpr(i);
        }
        before[REGISTERS] = cpu.rip();
        before[REGISTERS + 1] = cpu.rflags();
    }

    private boolean same(Cpu cpu) {
        boolean same = cpu.rip() == before[REGISTERS] && cpu.rflags() == before[REGISTERS + 1];
        for (int i = 0; i < REGISTERS; i++) {
            same &= cpu.gpr(i) == before[i];
        }
        return same;
    }

    @ParameterizedTest
    @EnumSource(Mode.class)
    void onlyFaultsComeOut(Mode mode) {
        CodeMachine m = new CodeMachine(mode);
        byte[] tables = m.ram.segment().asSlice(0, 0x6000).toArray(ValueLayout.JAVA_BYTE);
        m.mmu.processor().enter();
        int executed = 0;
        int faulted = 0;
        Insn insn = new Insn();
        for (int round = 0; round < ROUNDS; round++) {
            MemorySegment.copy(tables, 0, m.ram.segment(), ValueLayout.JAVA_BYTE, 0, tables.length);
            someCode();
            prepare(m);
            save(m.cpu);
            String what = "%s, seed %d, round %d: %s"
                    .formatted(mode, SEED, round, HexFormat.of().formatHex(code));
            try {
                m.interpreter.step();
                executed++;
            } catch (GuestException e) {
                faulted++;
                int length = Decoder.decode(code, 0, code.length, mode.codeSize, insn);
                int route = length < 0 ? Route.NOTHING : Route.of(insn.op);
                if (route != Route.SYSTEM && route != Route.STRING && route != Route.PORT) {
                    assertThat(same(m.cpu))
                            .as(what + " changed registers: " + e.getMessage())
                            .isTrue();
                }
            } catch (UnsupportedInstruction e) {
                faulted++;
            } catch (RuntimeException | Error e) {
                throw new AssertionError(what, e);
            }
            m.cpu.take(-1);
        }
        assertThat(executed).isGreaterThan(ROUNDS / 20);
        assertThat(faulted).isGreaterThan(ROUNDS / 20);
    }

    /** The same bytes by run(), which executes on until something happens. */
    @ParameterizedTest
    @EnumSource(Mode.class)
    void runsOnUntilAFault(Mode mode) {
        CodeMachine m = new CodeMachine(mode);
        byte[] tables = m.ram.segment().asSlice(0, 0x6000).toArray(ValueLayout.JAVA_BYTE);
        m.mmu.processor().enter();
        for (int round = 0; round < ROUNDS / 10; round++) {
            MemorySegment.copy(tables, 0, m.ram.segment(), ValueLayout.JAVA_BYTE, 0, tables.length);
            someCode();
            code[12] = (byte) 0x0f; // UD2 soon
            code[13] = 0x0b;
            prepare(m);
            try {
                for (int block = 0; block < 20 && m.cpu.pending() == 0; block++) {
                    m.interpreter.oneBlock();
                }
            } catch (GuestException | UnsupportedInstruction e) {
                // expected
            } catch (RuntimeException | Error e) {
                throw new AssertionError(
                        "%s, seed %d, round %d: %s"
                                .formatted(mode, SEED, round, HexFormat.of().formatHex(code)),
                        e);
            }
            m.cpu.take(-1);
        }
    }
}
