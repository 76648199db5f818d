package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;

/**
 * Single steps and breakpoints of the guest (SDM volume 3, chapter 19). While {@link #armed}, an engine executes one
 * instruction at a time between {@link #beforeInstruction} and {@link #afterInstruction}.
 *
 * <p>RFLAGS.RF only matters to breakpoints, so it is kept only while something is armed; code that runs without looking
 * here need not clear it. Accesses to data are found at explicit memory operands, not at implicit ones.
 */
public final class Debugging {
    private static final int DR6 = 6;
    private static final int DR7 = 7;
    private static final int BREAKPOINTS = 4;

    /** DR6 without events: bits that read as one. */
    public static final long DR6_FIXED = 0xffff_0ff0L;

    /** DR7 after reset. */
    public static final long DR7_FIXED = 0x400;

    private static final long DR6_HITS = 0xf;
    private static final long DR6_BD = 1 << 13;
    private static final long DR6_BS = 1 << 14;
    private static final long DR6_BT = 1 << 15;
    private static final long DR7_ENABLED = 0xff;
    private static final long DR7_GD = 1 << 13;

    private static final int EXECUTE = 0;
    private static final int WRITE = 1;
    private static final int PORT = 2;
    private static final int READ_WRITE = 3;

    private final Cpu cpu;
    private boolean armed;
    private boolean step;
    private boolean resumeLoaded;
    private boolean held;
    private int heldHits;
    private boolean holding;
    /** A step that was not armed when its instruction began. */
    private boolean due;

    public Debugging(Cpu cpu) {
        this.cpu = cpu;
    }

    /** Whether single steps or breakpoints need attention. */
    public boolean armed() {
        return armed;
    }

    /** After a change of RFLAGS.TF or DR7 by anything but this package's instructions, such as POPF or a restore. */
    public void changed() {
        armed = cpu.flag(Rflags.TF) || (cpu.dr[DR7] & DR7_ENABLED) != 0;
        if (!armed) {
            cpu.rflags(cpu.rflags() & ~(long) Rflags.RF);
        }
    }

    /** Sets RFLAGS with a TF and RF of its own. */
    void loadFlags(long flags) {
        cpu.rflags(flags);
        changed();
        resumeLoaded = true;
    }

    /** Raises #DB when there is a breakpoint on the instruction at CS:RIP. */
    public void beforeInstruction() {
        step = cpu.flag(Rflags.TF);
        resumeLoaded = false;
        holding = false;
        if (due) {
            throw raise(DR6_BS);
        }
        if (!cpu.flag(Rflags.RF) && (cpu.dr[DR7] & DR7_ENABLED) != 0) {
            long linear = cpu.codeSize() == 8 ? cpu.rip() : cpu.segmentBase(Cpu.CS) + cpu.rip() & 0xffff_ffffL;
            int hits = matches(EXECUTE, EXECUTE, linear, 1);
            if (hits != 0) {
                throw raise(hits);
            }
        }
    }

    /**
     * Raises #DB, with RIP behind the instruction, for what it did.
     *
     * @param linear address of its memory operand
     */
    public void afterInstruction(Insn insn, long linear) {
        if (!resumeLoaded) {
            cpu.rflags(cpu.rflags() & ~(long) Rflags.RF);
        }
        long events = step ? DR6_BS : 0;
        if ((cpu.dr[DR7] & DR7_ENABLED) != 0) {
            events |= accesses(insn, linear);
        }
        if (holding) {
            // After MOV SS and POP SS everything waits for the next instruction; the step is forgotten.
            held = true;
            heldHits = (int) (events & DR6_HITS);
            return;
        }
        if (held) {
            held = false;
            events |= heldHits;
        }
        if (events != 0) {
            throw raise(events);
        }
    }

    /** This instruction clears TF before a step could be taken: INT n and its kin. */
    void suppressStep() {
        step = false;
    }

    /** This instruction sets TF, and is stepped itself: SYSRET. */
    void stepHere() {
        step = true;
        due = true;
    }

    /** MOV SS or POP SS: traps wait for the end of the next instruction. */
    void hold() {
        holding = true;
    }

    /** The T bit of a task's TSS. */
    GuestException taskTrap() {
        return raise(DR6_BT);
    }

    /** A MOV to or from a debug register: raises #DB when they are protected. */
    void generalDetect() {
        if ((cpu.dr[DR7] & DR7_GD) != 0) {
            throw raise(DR6_BD);
        }
    }

    /** #DB is delivered: its handler may use the registers. */
    void delivered() {
        cpu.dr[DR7] &= ~DR7_GD;
    }

    private GuestException raise(long events) {
        due = false;
        cpu.dr[DR6] = cpu.dr[DR6] & ~DR6_HITS | DR6_FIXED | events;
        return cpu.fault(GuestException.DB);
    }

    private int accesses(Insn insn, long linear) {
        Op op = insn.op;
        if (op == Op.IN || op == Op.OUT || op == Op.INS || op == Op.OUTS) {
            if ((cpu.cr4 & Control.CR4_DE) == 0) {
                return 0;
            }
            boolean immediate = insn.kind[0] == OperandKind.IMMEDIATE || insn.kind[1] == OperandKind.IMMEDIATE;
            long port = immediate ? insn.imm & 0xff : cpu.gpr(Cpu.RDX) & 0xffff;
            return matches(PORT, PORT, port, Math.max(1, Math.min(insn.size[op == Op.OUT ? 1 : 0], 4)));
        }
        if (!insn.memory || op == Op.LEA || op == Op.NOP || op == Op.INVLPG || op == Op.CACHE_HINT) {
            return 0;
        }
        for (int i = 0; i < Insn.OPERANDS; i++) {
            if (insn.kind[i] == OperandKind.MEMORY) {
                boolean writes = i < insn.form.accesses().length && (insn.form.accesses()[i] & Form.WRITE) != 0;
                return matches(READ_WRITE, writes ? WRITE : READ_WRITE, linear, Math.max(1, insn.size[i]));
            }
        }
        return 0;
    }

    /** Enabled breakpoints of one of two kinds that overlap a range, as a bit set. */
    private int matches(int kind, int otherKind, long address, int size) {
        long dr7 = cpu.dr[DR7];
        int hits = 0;
        for (int i = 0; i < BREAKPOINTS; i++) {
            int type = (int) (dr7 >>> 16 + 4 * i) & 3;
            if ((dr7 >>> 2 * i & 3) == 0 || type != kind && type != otherKind) {
                continue;
            }
            int length = (int) (dr7 >>> 18 + 4 * i) & 3;
            int bytes = length == 2 ? 8 : length + 1;
            long from = cpu.dr[i] & -bytes;
            if (address < from + bytes && from < address + size) {
                hits |= 1 << i;
            }
        }
        return hits;
    }
}
