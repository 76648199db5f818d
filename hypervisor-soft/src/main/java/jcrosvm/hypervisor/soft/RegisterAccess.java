package jcrosvm.hypervisor.soft;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.x86.DescriptorTable;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.Segment;

/** The registers of a {@link Cpu} as the records of the hypervisor interface. */
final class RegisterAccess {
    private RegisterAccess() {}

    static Registers general(Cpu c) {
        return new Registers(
                c.gpr(Cpu.RAX),
                c.gpr(Cpu.RBX),
                c.gpr(Cpu.RCX),
                c.gpr(Cpu.RDX),
                c.gpr(Cpu.RSI),
                c.gpr(Cpu.RDI),
                c.gpr(Cpu.RSP),
                c.gpr(Cpu.RBP),
                c.gpr(8),
                c.gpr(9),
                c.gpr(10),
                c.gpr(11),
                c.gpr(12),
                c.gpr(13),
                c.gpr(14),
                c.gpr(15),
                c.rip(),
                c.rflags());
    }

    static void general(Cpu c, Registers r) {
        c.gpr(Cpu.RAX, r.rax());
        c.gpr(Cpu.RBX, r.rbx());
        c.gpr(Cpu.RCX, r.rcx());
        c.gpr(Cpu.RDX, r.rdx());
        c.gpr(Cpu.RSI, r.rsi());
        c.gpr(Cpu.RDI, r.rdi());
        c.gpr(Cpu.RSP, r.rsp());
        c.gpr(Cpu.RBP, r.rbp());
        c.gpr(8, r.r8());
        c.gpr(9, r.r9());
        c.gpr(10, r.r10());
        c.gpr(11, r.r11());
        c.gpr(12, r.r12());
        c.gpr(13, r.r13());
        c.gpr(14, r.r14());
        c.gpr(15, r.r15());
        c.rip(r.rip());
        c.rflags(r.rflags() | Registers.RFLAGS_FIXED);
    }

    static Segment segment(Cpu c, int n) {
        int a = c.attributes[n];
        return new Segment(
                c.selector[n],
                c.segmentBase(n),
                (int) c.limit[n],
                a & Cpu.ATTR_TYPE,
                (a & Cpu.ATTR_P) != 0,
                (a >> Cpu.ATTR_DPL_SHIFT) & 3,
                (a & Cpu.ATTR_DB) != 0,
                (a & Cpu.ATTR_S) != 0,
                (a & Cpu.ATTR_L) != 0,
                (a & Cpu.ATTR_G) != 0,
                (a & Cpu.ATTR_AVL) != 0,
                (a & Cpu.ATTR_UNUSABLE) != 0);
    }

    static void segment(Cpu c, int n, Segment s) {
        c.selector[n] = s.selector();
        c.segmentBase(n, s.base());
        c.limit[n] = Integer.toUnsignedLong(s.limit());
        c.attributes[n] = (s.type() & Cpu.ATTR_TYPE)
                | (s.present() ? Cpu.ATTR_P : 0)
                | s.dpl() << Cpu.ATTR_DPL_SHIFT
                | (s.defaultSize() ? Cpu.ATTR_DB : 0)
                | (s.codeOrData() ? Cpu.ATTR_S : 0)
                | (s.longMode() ? Cpu.ATTR_L : 0)
                | (s.granularity() ? Cpu.ATTR_G : 0)
                | (s.available() ? Cpu.ATTR_AVL : 0)
                | (s.unusable() ? Cpu.ATTR_UNUSABLE : 0);
    }

    static DescriptorTable gdt(Cpu c) {
        return new DescriptorTable(c.gdtBase, c.gdtLimit);
    }

    static DescriptorTable idt(Cpu c) {
        return new DescriptorTable(c.idtBase, c.idtLimit);
    }
}
