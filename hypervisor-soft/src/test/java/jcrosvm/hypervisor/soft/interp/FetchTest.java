package jcrosvm.hypervisor.soft.interp;

import static org.assertj.core.api.Assertions.assertThat;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.interp.CodeMachine.Mode;
import org.junit.jupiter.api.Test;

/** Instructions on their way from memory: pages, limits, lengths, changes of code. */
final class FetchTest {
    private static CodeMachine in(Mode mode) {
        return new CodeMachine(mode);
    }

    @Test
    void instructionsAcrossPages() {
        CodeMachine m = in(Mode.LONG);
        long entry = m.smallPages(0x20_0000);
        m.bytes(0x20_0ffd, "48b8");
        m.bytes(0x20_0fff, "8877665544332211");
        m.cpu.rip(0x20_0ffd);
        m.steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(0x1122_3344_5566_7788L);
        // The second page moves: the same first page, other bytes behind it.
        m.bytes(0x20_5000, "ffffffffffffff");
        m.put(entry + 8, 0x20_5000 | 7);
        m.mmu.flush(true);
        m.cpu.rip(0x20_0ffd);
        m.steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(0xffff_ffff_ffff_ff88L);
        m.put(entry + 8, 0);
        m.mmu.flush(true);
        m.cpu.rip(0x20_0ffd);
        assertThat(m.fault()).isEqualTo("14:0");
        assertThat(m.cpu.cr2).isEqualTo(0x20_1000);
        // One that ends with the page does not need the next.
        m.bytes(0x20_0ffe, "ffc0");
        m.cpu.rip(0x20_0ffe);
        m.steps(1);
        assertThat(m.cpu.rip()).isEqualTo(0x20_1000);
        assertThat(m.fault()).isEqualTo("14:0");
    }

    @Test
    void tooLongAndBeyondTheLimit() {
        CodeMachine m = in(Mode.LONG);
        m.code("2e2e2e2e2e2e2e2e2e2e2e2e2e2e90").steps(1);
        m.code("2e2e2e2e2e2e2e2e2e2e2e2e2e2e2e90");
        assertThat(m.fault()).isEqualTo("13:0");
        CodeMachine p = in(Mode.PROTECTED_32);
        p.cpu.limit[Cpu.CS] = CodeMachine.CODE + 5;
        p.code("90 b801020304 90").steps(2);
        assertThat(p.fault()).isEqualTo("13:0");
        p.cpu.limit[Cpu.CS] = CodeMachine.CODE + 4;
        p.code("90 b801020304").steps(1);
        assertThat(p.fault()).isEqualTo("13:0");
    }

    @Test
    void limitOfKnownCode() {
        CodeMachine p = in(Mode.PROTECTED_32);
        p.code("90 40 40 f4").run();
        p.cpu.limit[Cpu.CS] = CodeMachine.CODE + 1;
        p.code("90 40 40 f4").gpr(Cpu.RAX, 0);
        p.steps(2);
        assertThat(p.fault()).isEqualTo("13:0");
        assertThat(p.gpr(Cpu.RAX)).isEqualTo(1);
    }

    @Test
    void codeThatChangesItself() {
        CodeMachine m = in(Mode.LONG);
        // mov byte [rip+2], 7 ; add eax, 1 : its own immediate; jmp to the start twice
        m.code("c605 0200 0000 07 83c001 f4").gpr(Cpu.RAX, 0).run();
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(7);
        for (int i = 1; i < 100; i++) {
            m.bytes(CodeMachine.CODE + 6, "%02x".formatted(i));
            m.cpu.rip(CodeMachine.CODE);
            m.gpr(Cpu.RAX, 0).run();
            assertThat(m.gpr(Cpu.RAX)).isEqualTo(i);
        }
    }

    @Test
    void sameBytesInOtherModes() {
        // 40 is INC eAX, or a REX prefix.
        assertThat(in(Mode.LONG).gpr(Cpu.RAX, 5).code("40 90 f4").run().gpr(Cpu.RAX))
                .isEqualTo(5);
        assertThat(in(Mode.COMPATIBILITY).gpr(Cpu.RAX, 5).code("40 90 f4").run().gpr(Cpu.RAX))
                .isEqualTo(6);
        assertThat(in(Mode.PROTECTED_16)
                        .gpr(Cpu.RAX, 0xffff)
                        .code("40 90 f4")
                        .run()
                        .gpr(Cpu.RAX))
                .isZero();
    }
}
