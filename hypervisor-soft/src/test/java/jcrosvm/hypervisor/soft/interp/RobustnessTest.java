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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Arbitrary bytes in every mode: nothing but faults of the guest comes out, and a fault leaves the registers. */
final class RobustnessTest {
    private static final int ROUNDS = Integer.getInteger("robustness.rounds", 10_000);
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

    /** Frequent instructions, some of them with operands that fault. */
    private static final String[] FREQUENT = {
        "4889d8", "89c8", "b8ffffffff", "48c7c1ffffff80", "488b03", "8b4b04", "0fb603", "0fb74302", "480fb603",
        "8803", "66894b06", "48890b", "895308", "48c7431007000000", "480fbe03", "486303", "488d440b05", "8d440b05",
        "4801c8", "01c8", "4809d0", "4811c8", "11c8", "4819d1", "19d1", "4821c8", "4829c8", "4831d0", "31d0", "4839c8",
        "39c8", "4885c0", "85c9", "4883c0ff", "83e80f", "4883d000", "83d900", "48ffc0", "ffc9", "ffc0", "480303", "2b4304",
        "481303", "483b03", "803b07", "66813b3412", "48833b05", "f60301", "83 7b04ff", "7401", "7501", "7201", "7c01",
        "eb00", "eb01", "50", "53", "4150", "58", "5a", "415b", "e800000000", "488d1c24", "4889e3", "488b1c24", "54",
        "6650", "00c8", "88e0", "84e4", "480fafc1", "d1e8", "48c1e003", "0f94c0", "480f44c1", "f00103", "01 03"
    };

    private void frequentCode(byte[] into) {
        int at = 0;
        while (true) {
            String hex = FREQUENT[random.nextInt(FREQUENT.length)].replace(" ", "");
            byte[] one = HexFormat.of().parseHex(hex);
            if (at + one.length > into.length - 2) {
                break;
            }
            System.arraycopy(one, 0, into, at, one.length);
            at += one.length;
        }
        into[at] = 0x0f;
        into[at + 1] = 0x0b;
    }

    @Test
    void shortcutsAreOnlyFaster() {
        CodeMachine quick = new CodeMachine(Mode.LONG);
        CodeMachine plain = new CodeMachine(Mode.LONG);
        plain.interpreter.cache.shortcuts = false;
        byte[] bytes = new byte[48];
        for (int round = 0; round < ROUNDS; round++) {
            frequentCode(bytes);
            long[] values = random.longs(16).toArray();
            for (int i = 0; i < values.length; i++) {
                values[i] = random.nextInt(3) == 0 ? values[i] : someValue();
            }
            long base = random.nextInt(20) == 0 ? someValue() : CodeMachine.DATA + random.nextInt(4096);
            long flags = Rflags.FIXED | random.nextInt() & Rflags.ARITHMETIC;
            String hex = HexFormat.of().formatHex(bytes);
            String[] ends = new String[2];
            for (CodeMachine m : new CodeMachine[] {quick, plain}) {
                for (int i = 0; i < values.length; i++) {
                    m.gpr(i, values[i]);
                }
                m.gpr(Cpu.RBX, base).gpr(Cpu.RSP, round % 16 == 0 ? base : CodeMachine.STACK).cpu.rflags(flags);
                m.code(hex);
                m.mmu.processor().enter();
                StringBuilder end = new StringBuilder();
                try {
                    for (int i = 0; i < 30; i++) {
                        m.interpreter.oneBlock();
                    }
                } catch (GuestException e) {
                    end.append(e.getMessage()).append(m.cpu.cr2);
                }
                for (int i = 0; i < 16; i++) {
                    end.append(" %x".formatted(m.gpr(i)));
                }
                end.append(" rip %x flags %x".formatted(m.cpu.rip(), m.cpu.rflags()));
                ends[m == quick ? 0 : 1] = end.toString();
            }
            assertThat(ends[0]).as("seed %d, round %d: %s", SEED, round, hex).isEqualTo(ends[1]);
            if (round % 64 == 0) {
                assertThat(quick.ram.segment().mismatch(plain.ram.segment())).as(hex).isEqualTo(-1);
            }
        }
    }
}
