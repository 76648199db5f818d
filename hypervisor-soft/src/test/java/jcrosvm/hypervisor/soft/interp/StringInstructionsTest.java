package jcrosvm.hypervisor.soft.interp;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Pending;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.interp.CodeMachine.Mode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class StringInstructionsTest {
    private static final int AREA = 64 << 10;

    private final CodeMachine m = new CodeMachine(Mode.LONG);

    private static byte[] copy(CodeMachine machine) {
        return machine.ram.segment().asSlice(CodeMachine.DATA, 2 * AREA).toArray(ValueLayout.JAVA_BYTE);
    }

    /** REP MOVS and STOS of every size, overlap, direction and mode against loops over an array. */
    @ParameterizedTest
    @EnumSource(Mode.class)
    void repeatedMovesAndStores(Mode mode) {
        CodeMachine c = new CodeMachine(mode);
        long base = mode.codeSize == 2 ? CodeMachine.DATA : 0;
        SplittableRandom random = new SplittableRandom(7);
        for (int i = 0; i < 3000; i++) {
            boolean moves = random.nextBoolean();
            int sizeLog = random.nextInt(mode == Mode.LONG ? 4 : 3);
            int size = 1 << sizeLog;
            boolean down = random.nextInt(4) == 0;
            int count = random.nextInt(random.nextBoolean() ? 20 : 6000) / size;
            int from = 8192 + random.nextInt(20_000);
            int to = random.nextBoolean() ? from + random.nextInt(-40, 40) : 8192 + random.nextInt(20_000);
            if (i % 50 == 0) {
                for (int k = 0; k < AREA; k += 8) {
                    c.put(CodeMachine.DATA + k, random.nextLong());
                }
            }
            byte[] expected = copy(c);
            long value = random.nextBoolean() ? random.nextLong() : 0x4242_4242_4242_4242L;
            for (int k = 0; k < count; k++) {
                int at = (down ? -k : k) * size;
                for (int b = 0; b < size && !moves; b++) {
                    expected[to + at + b] = (byte) (value >>> 8 * b);
                }
                if (moves) {
                    byte[] element = Arrays.copyOfRange(expected, from + at, from + at + size);
                    System.arraycopy(element, 0, expected, to + at, size);
                }
            }
            String prefix = sizeLog == 3 ? "f348" : sizeLog == 1 == (mode.codeSize == 2) ? "f3" : "f366";
            if (sizeLog == 0) {
                prefix = "f3";
            }
            String opcode = (moves ? sizeLog == 0 ? "a4" : "a5" : sizeLog == 0 ? "aa" : "ab");
            c.cpu.rflags(c.cpu.rflags() & ~Rflags.DF | (down ? Rflags.DF : 0));
            long offset = CodeMachine.DATA - base;
            c.gpr(Cpu.RSI, offset + from)
                    .gpr(Cpu.RDI, offset + to)
                    .gpr(Cpu.RCX, count)
                    .gpr(Cpu.RAX, value);
            c.code(prefix + opcode);
            long end = c.cpu.rip() + (prefix.length() + 2) / 2;
            while (c.cpu.rip() != end) {
                c.steps(1);
            }
            String what = "%s %s %d x %d, %d to %d".formatted(mode, opcode, count, size, from, to);
            assertThat(Arrays.mismatch(copy(c), expected)).as(what).isEqualTo(-1);
            long moved = (long) (down ? -count : count) * size;
            assertThat(c.gpr(Cpu.RDI)).as(what).isEqualTo(offset + to + moved);
            assertThat(c.gpr(Cpu.RSI)).as(what).isEqualTo(offset + from + (moves ? moved : 0));
            assertThat(c.gpr(Cpu.RCX)).as(what).isZero();
        }
    }

    @Test
    void scanStopsBehindTheMatch() {
        m.bytes(CodeMachine.DATA, "616263646500");
        m.gpr(Cpu.RDI, CodeMachine.DATA)
                .gpr(Cpu.RCX, -1)
                .gpr(Cpu.RAX, 0)
                .code("f2ae")
                .steps(1);
        assertThat(m.gpr(Cpu.RDI)).isEqualTo(CodeMachine.DATA + 6);
        assertThat(m.gpr(Cpu.RCX)).isEqualTo(-7);
        assertThat(m.flags() & Rflags.ZF).isNotZero();
        m.bytes(CodeMachine.DATA + 16, "616263ff");
        m.gpr(Cpu.RSI, CodeMachine.DATA).gpr(Cpu.RDI, CodeMachine.DATA + 16).gpr(Cpu.RCX, 10);
        m.code("f3a6").steps(1);
        assertThat(m.gpr(Cpu.RCX)).isEqualTo(6);
        assertThat(m.flags() & (Rflags.ZF | Rflags.CF)).isEqualTo(Rflags.CF);
    }

    @Test
    void countOfZeroDoesNothing() {
        int flags = m.flags();
        m.gpr(Cpu.RCX, 0x1_0000_0000L).gpr(Cpu.RDI, 1L << 62).code("67f3a6").steps(1);
        assertThat(m.gpr(Cpu.RCX)).isEqualTo(0x1_0000_0000L);
        assertThat(m.cpu.rip()).isEqualTo(CodeMachine.CODE + 3);
        assertThat(m.flags()).isEqualTo(flags);
    }

    @Test
    void faultKeepsFinishedIterations() {
        long entry = m.smallPages(0x20_0000);
        m.put(entry + 8, 0); // 0x201000 is not there
        m.mmu.flush(true);
        m.gpr(Cpu.RDI, 0x20_0f00).gpr(Cpu.RCX, 0x200).gpr(Cpu.RAX, 0x41).code("f3aa");
        assertThat(m.fault()).isEqualTo("14:2");
        assertThat(m.cpu.cr2).isEqualTo(0x20_1000);
        assertThat(m.gpr(Cpu.RDI)).isEqualTo(0x20_1000);
        assertThat(m.gpr(Cpu.RCX)).isEqualTo(0x100);
        m.put(entry + 8, 0x20_1000 | 7);
        m.steps(1);
        assertThat(m.gpr(Cpu.RCX)).isZero();
        assertThat(m.get(0x20_10f8)).isEqualTo(0x4141_4141_4141_4141L);
    }

    @Test
    void requestsInterruptLongCopies() {
        m.gpr(Cpu.RSI, CodeMachine.DATA)
                .gpr(Cpu.RDI, 0x10_0000)
                .gpr(Cpu.RCX, 0x1_0000)
                .code("f3a4f4");
        m.cpu.request(Pending.KICK);
        m.steps(1);
        assertThat(m.gpr(Cpu.RCX)).isPositive().isLessThan(0x1_0000);
        assertThat(m.cpu.rip()).isEqualTo(CodeMachine.CODE);
        m.cpu.take(-1);
        m.run();
        assertThat(m.gpr(Cpu.RCX)).isZero();
    }

    @Test
    void overridesApplyToTheSource() {
        m.cpu.segmentBase(Cpu.GS, 0x1000);
        m.put(CodeMachine.DATA + 0x1000, 0x77);
        m.gpr(Cpu.RSI, CodeMachine.DATA).code("6548ad").steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(0x77);
    }

    @Test
    void sixteenBitPointersWrap() {
        CodeMachine r = new CodeMachine(Mode.REAL);
        r.gpr(Cpu.RDI, 0xffff_fffeL)
                .gpr(Cpu.RCX, 0x7_0004L)
                .gpr(Cpu.RAX, 0x5a)
                .code("f3aa")
                .steps(1);
        assertThat(r.gpr(Cpu.RDI)).isEqualTo(0xffff_0002L);
        assertThat(r.gpr(Cpu.RCX)).isEqualTo(0x7_0000L);
        assertThat(r.get(CodeMachine.DATA + 0xfff8) >>> 48).isEqualTo(0x5a5a);
        assertThat(r.get(CodeMachine.DATA) & 0xffff_ffffL).isEqualTo(0x5a5a);
    }

    @Test
    void ports() {
        m.gpr(Cpu.RDX, 0x3f8).gpr(Cpu.RAX, 0x1234).code("ee e480 66ef ed").steps(4);
        assertThat(m.ports).containsExactly("out 3f8 1 34", "in 80 1", "out 3f8 2 1244", "in 3f8 4");
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(0x1122_3344);
        m.ports.clear();
        m.put(CodeMachine.DATA, 0x4443_4241);
        m.gpr(Cpu.RSI, CodeMachine.DATA).gpr(Cpu.RCX, 3).code("f36e").steps(1);
        assertThat(m.ports).containsExactly("out 3f8 1 41", "out 3f8 1 42", "out 3f8 1 43");
        m.gpr(Cpu.RDI, CodeMachine.DATA + 8).gpr(Cpu.RCX, 2).code("f36d").steps(1);
        assertThat(m.get(CodeMachine.DATA + 8)).isEqualTo(0x1122_3344_1122_3344L);
    }
}
