package jcrosvm.hypervisor.soft.interp;

import static org.assertj.core.api.Assertions.assertThat;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.interp.CodeMachine.Mode;
import org.junit.jupiter.api.Test;

/** Stacks, branches and segments in the different modes. */
final class ModesTest {
    private static final int DATA = CodeMachine.DATA;

    private static CodeMachine in(Mode mode) {
        return new CodeMachine(mode);
    }

    // Stack

    @Test
    void pushAndPopInEverySize() {
        CodeMachine m = in(Mode.LONG);
        m.gpr(Cpu.RAX, 0x1122_3344_5566_7788L).code("50 6650 5b 6a80 59").steps(2);
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK - 10);
        m.steps(1);
        assertThat(m.gpr(Cpu.RBX)).isEqualTo(0x3344_5566_7788_7788L);
        m.steps(2);
        assertThat(m.gpr(Cpu.RCX)).isEqualTo(-128);
    }

    @Test
    void stackPointerItself() {
        CodeMachine m = in(Mode.LONG);
        m.code("54 5c").steps(1);
        assertThat(m.get(CodeMachine.STACK - 8)).isEqualTo(CodeMachine.STACK);
        m.steps(1);
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK);
        m.put(CodeMachine.STACK, 0x99).code("8f4424f8").steps(1); // pop [rsp-8]: with rSP incremented
        assertThat(m.get(CodeMachine.STACK)).isEqualTo(0x99);
        m.code("8f842400000040");
        long sp = m.gpr(Cpu.RSP);
        assertThat(m.fault()).startsWith("14:");
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(sp);
    }

    @Test
    void sixteenBitStacksWrapAndKeepTheUpperHalf() {
        CodeMachine m = in(Mode.REAL);
        m.gpr(Cpu.RSP, 0xabcd_0000L).gpr(Cpu.RAX, 0x1234).code("50 6650").steps(1);
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(0xabcd_fffeL);
        assertThat(m.get(0xfff8) >>> 48).isEqualTo(0x1234);
        m.steps(1);
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(0xabcd_fffaL);
        m.gpr(Cpu.RSP, 1).code("50");
        assertThat(m.fault()).isEqualTo("12:0");
    }

    @Test
    void allRegisters() {
        CodeMachine m = in(Mode.PROTECTED_32);
        for (int i = 0; i < 8; i++) {
            if (i != Cpu.RSP) {
                m.gpr(i, 0x100 + i);
            }
        }
        m.code("60 61").steps(1);
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK - 32);
        assertThat((int) m.get(CodeMachine.STACK - 20)).isEqualTo(CodeMachine.STACK);
        for (int i = 0; i < 8; i++) {
            m.gpr(i, i == Cpu.RSP ? m.gpr(i) : 0);
        }
        m.steps(1);
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK);
        assertThat(m.gpr(Cpu.RDI)).isEqualTo(0x107);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(0x100);
    }

    @Test
    void flagsOnTheStackByPrivilege() {
        CodeMachine m = in(Mode.LONG);
        m.put(CodeMachine.STACK, 0xffff_ffffL).code("9d 9c 58").steps(1);
        assertThat(m.cpu.rflags()).isEqualTo(Rflags.FIXED | 0x24_7fd5); // no RF, VM, VIF, VIP
        m.cpu.rflags(Rflags.FIXED | Rflags.RF | Rflags.ID);
        m.steps(2);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(Rflags.FIXED | Rflags.ID);

        m.cpu.rflags(Rflags.FIXED);
        m.cpu.cpl = 3;
        m.mmu.rightsChanged();
        m.gpr(Cpu.RSP, CodeMachine.STACK)
                .put(CodeMachine.STACK, 0x3202)
                .code("9d")
                .steps(1);
        assertThat(m.cpu.rflags()).isEqualTo(Rflags.FIXED); // neither IF nor IOPL
        m.cpu.rflags(Rflags.FIXED | Rflags.IOPL);
        m.gpr(Cpu.RSP, CodeMachine.STACK)
                .put(CodeMachine.STACK, 0x202)
                .code("9d")
                .steps(1);
        assertThat(m.cpu.rflags()).isEqualTo(Rflags.FIXED | Rflags.IOPL | Rflags.IF);
    }

    @Test
    void flagsInVirtual8086Mode() {
        CodeMachine m = in(Mode.VIRTUAL_8086);
        m.code("9c");
        assertThat(m.fault()).isEqualTo("13:0");
        m.cpu.cr4 = Control.CR4_VME;
        m.cpu.rflags(Rflags.FIXED | Rflags.VM | Rflags.VIF);
        m.code("9c 5b 9d").steps(2);
        assertThat(m.gpr(Cpu.RBX) & 0xffff).isEqualTo(Rflags.FIXED | Rflags.IOPL | Rflags.IF);
        m.put(CodeMachine.STACK, 0x0001).steps(1);
        assertThat(m.cpu.rflags()).isEqualTo(Rflags.FIXED | Rflags.VM | Rflags.CF);
        m.cpu.rflags(Rflags.FIXED | Rflags.VM | Rflags.IOPL);
        m.cpu.cr4 = 0;
        m.put(CodeMachine.STACK, 0x0202)
                .gpr(Cpu.RSP, CodeMachine.STACK)
                .code("9d")
                .steps(1);
        assertThat(m.cpu.rflags()).isEqualTo(Rflags.FIXED | Rflags.VM | Rflags.IOPL | Rflags.IF);
    }

    @Test
    void frames() {
        CodeMachine m = in(Mode.LONG);
        m.gpr(Cpu.RBP, CodeMachine.STACK + 64).put(CodeMachine.STACK + 56, 0x11);
        m.code("c8200002 c9").steps(1); // enter 32, 2
        assertThat(m.gpr(Cpu.RBP)).isEqualTo(CodeMachine.STACK - 8);
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK - 24 - 32);
        assertThat(m.get(CodeMachine.STACK - 8)).isEqualTo(CodeMachine.STACK + 64);
        assertThat(m.get(CodeMachine.STACK - 16)).isEqualTo(0x11);
        assertThat(m.get(CodeMachine.STACK - 24)).isEqualTo(CodeMachine.STACK - 8);
        m.steps(1);
        assertThat(m.gpr(Cpu.RBP)).isEqualTo(CodeMachine.STACK + 64);
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK);
    }

    // Branches

    @Test
    void callsReturnAndRelease() {
        CodeMachine m = in(Mode.LONG);
        m.code("e8fb000000").bytes(CodeMachine.CODE + 0x100, "c21000");
        m.steps(1);
        assertThat(m.cpu.rip()).isEqualTo(CodeMachine.CODE + 0x100);
        assertThat(m.get(CodeMachine.STACK - 8)).isEqualTo(CodeMachine.CODE + 5);
        m.steps(1);
        assertThat(m.cpu.rip()).isEqualTo(CodeMachine.CODE + 5);
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK + 16);
    }

    @Test
    void targetsAreCheckedAtTheBranch() {
        CodeMachine m = in(Mode.LONG);
        m.gpr(Cpu.RAX, 1L << 47).code("ffe0");
        assertThat(m.fault()).isEqualTo("13:0");
        m.code("ffd0");
        assertThat(m.fault()).isEqualTo("13:0");
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK);
        m.put(CodeMachine.STACK, 1L << 47).code("c3");
        assertThat(m.fault()).isEqualTo("13:0");
        assertThat(m.gpr(Cpu.RSP)).isEqualTo(CodeMachine.STACK);
        CodeMachine p = in(Mode.PROTECTED_32);
        p.cpu.limit[Cpu.CS] = 0x8fff;
        p.code("e9fb0f0000");
        assertThat(p.fault()).isEqualTo("13:0");
        p.code("e9fa0f0000").steps(1);
        assertThat(p.cpu.rip()).isEqualTo(0x8fff);
    }

    @Test
    void sixteenBitBranchesWrap() {
        CodeMachine m = in(Mode.REAL);
        m.code("e9fd7f").steps(1); // from 8003 by 7ffd
        assertThat(m.cpu.rip()).isZero();
        m.code("66e9fa7f0000");
        assertThat(m.fault()).isEqualTo("13:0"); // 10000 in 32 bits
    }

    @Test
    void loopsCountInTheAddressSize() {
        CodeMachine m = in(Mode.LONG);
        m.gpr(Cpu.RCX, 0x1_0000_0001L).code("67e2fd").steps(1);
        assertThat(m.cpu.rip()).isEqualTo(CodeMachine.CODE + 3);
        assertThat(m.gpr(Cpu.RCX)).isZero();
        m.gpr(Cpu.RCX, 0).code("e2fe").steps(1);
        assertThat(m.cpu.rip()).isEqualTo(CodeMachine.CODE);
        assertThat(m.gpr(Cpu.RCX)).isEqualTo(-1);
        m.gpr(Cpu.RCX, 1L << 32).code("67e310").steps(1);
        assertThat(m.cpu.rip()).isEqualTo(CodeMachine.CODE + 0x13);
    }

    // Segments

    @Test
    void limitsAndTypes() {
        CodeMachine m = in(Mode.PROTECTED_32);
        m.cpu.limit[Cpu.DS] = 0xfff;
        m.gpr(Cpu.RBX, 0xffc).code("8b03").steps(1);
        m.gpr(Cpu.RBX, 0xffd).code("8b03");
        assertThat(m.fault()).isEqualTo("13:0");
        m.cpu.limit[Cpu.SS] = 0xfff;
        m.gpr(Cpu.RBP, 0xffd).code("8b4500");
        assertThat(m.fault()).isEqualTo("12:0");
        m.cpu.attributes[Cpu.DS] &= ~2; // read-only
        m.gpr(Cpu.RBX, 0x100).code("8b03").steps(1);
        m.code("8903");
        assertThat(m.fault()).isEqualTo("13:0");
        m.code("2e8903"); // into code
        assertThat(m.fault()).isEqualTo("13:0");
        m.cpu.attributes[Cpu.CS] &= ~2; // execute-only
        m.code("2e8b03");
        assertThat(m.fault()).isEqualTo("13:0");
        m.cpu.attributes[Cpu.ES] |= Cpu.ATTR_UNUSABLE;
        m.code("268b03");
        assertThat(m.fault()).isEqualTo("13:0");
        m.gpr(Cpu.RBX, -1).code("268d03").steps(1); // lea does not look
        m.code("0f1f03").steps(1);
    }

    @Test
    void expandDown() {
        CodeMachine m = in(Mode.PROTECTED_32);
        m.cpu.attributes[Cpu.DS] |= 4;
        m.cpu.limit[Cpu.DS] = 0xfff;
        m.gpr(Cpu.RBX, 0x1000).code("8b03").steps(1);
        m.gpr(Cpu.RBX, 0xfff).code("8b03");
        assertThat(m.fault()).isEqualTo("13:0");
        m.cpu.attributes[Cpu.DS] &= ~Cpu.ATTR_DB;
        m.gpr(Cpu.RBX, 0xfffd).code("8b03");
        assertThat(m.fault()).isEqualTo("13:0");
        m.gpr(Cpu.RBX, 0xfffc).code("8b03").steps(1);
    }

    @Test
    void realModeOffsetsStayWithin64K() {
        CodeMachine m = in(Mode.REAL);
        m.gpr(Cpu.RBX, 0xffff).code("8b07");
        assertThat(m.fault()).isEqualTo("13:0");
        m.code("8a07").steps(1);
        m.gpr(Cpu.RBX, 0x1_0000).code("678a03");
        assertThat(m.fault()).isEqualTo("13:0");
        m.put(DATA + 1, 0x5566)
                .gpr(Cpu.RBX, 0xffff)
                .gpr(Cpu.RSI, 2)
                .code("8b00")
                .steps(1); // bx + si wraps
        assertThat(m.gpr(Cpu.RAX) & 0xffff).isEqualTo(0x5566);
    }

    @Test
    void canonicalAddresses() {
        CodeMachine m = in(Mode.LONG);
        m.gpr(Cpu.RBX, 0x7fff_ffff_fffdL).code("8b03");
        assertThat(m.fault()).isEqualTo("13:0");
        m.gpr(Cpu.RBX, 0x7fff_ffff_fffcL).code("8b03");
        assertThat(m.fault()).startsWith("14:");
        m.gpr(Cpu.RBP, 1L << 63).code("8b4500");
        assertThat(m.fault()).isEqualTo("12:0");
        m.gpr(Cpu.RSP, 1L << 62).code("50");
        assertThat(m.fault()).isEqualTo("12:0");
        m.cpu.segmentBase(Cpu.FS, 1L << 46);
        m.gpr(Cpu.RBX, 1L << 46).code("648b03");
        assertThat(m.fault()).isEqualTo("13:0");
        m.cpu.segmentBase(Cpu.DS, 0x1234_5000); // no base in 64-bit mode
        m.put(DATA, 42).gpr(Cpu.RBX, DATA).code("8b03").steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(42);
        m.gpr(Cpu.RBX, 1L << 62).code("0f1f03").steps(1);
    }

    @Test
    void faultsLeaveRegisters() {
        CodeMachine m = in(Mode.LONG);
        m.gpr(Cpu.RBX, 0x4000_0000).gpr(Cpu.RAX, 1).cpu.rflags(Rflags.FIXED | Rflags.CF);
        for (String hex : new String[] {"110b", "f0110b", "d1 13", "0fc10b", "0fb10b", "870b", "0fab0b", "f0ff03"}) {
            m.code(hex);
            long rcx = m.gpr(Cpu.RCX);
            assertThat(m.fault()).as(hex).isEqualTo("14:2");
            assertThat(m.cpu.cr2).isEqualTo(0x4000_0000);
            assertThat(m.cpu.rflags()).as(hex).isEqualTo(Rflags.FIXED | Rflags.CF);
            assertThat(m.gpr(Cpu.RCX)).isEqualTo(rcx);
        }
        m.code("3b0b");
        assertThat(m.fault()).isEqualTo("14:0");
    }

    @Test
    void vexIsUndefinedOutsideProtectedMode() {
        String andn = "c4e270f2c2"; // andn eax, ecx, edx
        assertThat(in(Mode.REAL).code(andn).fault()).startsWith("6:");
        CodeMachine m = in(Mode.PROTECTED_32);
        m.gpr(Cpu.RCX, 0xf0).gpr(Cpu.RDX, 0xff).code(andn).steps(1);
        assertThat(m.gpr(Cpu.RAX)).isEqualTo(0x0f);
    }
}
