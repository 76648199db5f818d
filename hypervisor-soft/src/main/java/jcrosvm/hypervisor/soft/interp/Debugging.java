package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.DebugControl;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExit.Debug.Cause;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Pending;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.isa.Form;
import jcrosvm.hypervisor.soft.isa.Insn;
import jcrosvm.hypervisor.soft.isa.Op;
import jcrosvm.hypervisor.soft.isa.OperandKind;
import jcrosvm.hypervisor.x86.HardwareBreakpoints;
import org.jspecify.annotations.Nullable;

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

    private static final int NOTHING = -2;
    private static final int STEP = -1;

    private final Cpu cpu;

    /** A debugger outside the guest: its breakpoints as debug registers, and what else it asks for. */
    private long[] host = new long[8];

    private boolean hostSteps;
    private boolean hostBreaks;
    /** What to stop for once the instruction has ended: the number of a breakpoint, or one of the constants. */
    private int stop = NOTHING;

    private boolean softwareStop;
    private final HostStop hostStop = new HostStop();

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
        armed = cpu.flag(Rflags.TF) || ((cpu.dr[DR7] | host[DR7]) & DR7_ENABLED) != 0 || hostSteps;
        if (!armed) {
            cpu.rflags(cpu.rflags() & ~(long) Rflags.RF);
        }
    }

    /** Takes over what a debugger outside the guest asks for. */
    public void host(DebugControl control) {
        host = HardwareBreakpoints.registers(control);
        hostSteps = control.singleStep();
        hostBreaks = control.softwareBreakpoints();
        stop = NOTHING;
        softwareStop = false;
        changed();
    }

    /** A stop for the debugger outside the guest, once; or null. */
    public VcpuExit.@Nullable Debug takeStop() {
        if (stop == NOTHING) {
            return null;
        }
        Cause cause = softwareStop ? Cause.SOFTWARE_BREAKPOINT : stop >= 0 ? Cause.BREAKPOINT : Cause.STEP;
        VcpuExit.Debug exit = new VcpuExit.Debug(cause, linear(), stop >= 0 ? stop : VcpuExit.Debug.NO_BREAKPOINT);
        stop = NOTHING;
        softwareStop = false;
        return exit;
    }

    /** The instruction has ended in a fault, which has been delivered. */
    public void stepIntoHandler() {
        if (hostSteps && stop == NOTHING) {
            stop = STEP;
        }
    }

    /** An INT3 is about to be executed. */
    void softwareBreakpoint() {
        if (hostBreaks) {
            stop = STEP;
            softwareStop = true;
            throw hostStop;
        }
    }

    private long linear() {
        return cpu.codeSize() == 8 ? cpu.rip() : cpu.segmentBase(Cpu.CS) + cpu.rip() & 0xffff_ffffL;
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
        int seen = matches(host, EXECUTE, EXECUTE, linear(), 1);
        if (seen != 0) {
            stop = Integer.numberOfTrailingZeros(seen);
            throw hostStop;
        }
        if (due) {
            throw raise(DR6_BS);
        }
        if (!cpu.flag(Rflags.RF) && (cpu.dr[DR7] & DR7_ENABLED) != 0) {
            int hits = matches(cpu.dr, EXECUTE, EXECUTE, linear(), 1);
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
        int seen = accesses(host, insn, linear);
        if (seen != 0 || hostSteps) {
            stop = seen != 0 ? Integer.numberOfTrailingZeros(seen) : STEP;
            cpu.request(Pending.SELF);
        }
        long events = step ? DR6_BS : 0;
        events |= accesses(cpu.dr, insn, linear);
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

    private int accesses(long[] dr, Insn insn, long linear) {
        if ((dr[DR7] & DR7_ENABLED) == 0) {
            return 0;
        }
        Op op = insn.op;
        if (op == Op.IN || op == Op.OUT || op == Op.INS || op == Op.OUTS) {
            if ((cpu.cr4 & Control.CR4_DE) == 0) {
                return 0;
            }
            boolean immediate = insn.kind[0] == OperandKind.IMMEDIATE || insn.kind[1] == OperandKind.IMMEDIATE;
            long port = immediate ? insn.imm & 0xff : cpu.gpr(Cpu.RDX) & 0xffff;
            return matches(dr, PORT, PORT, port, Math.max(1, Math.min(insn.size[op == Op.OUT ? 1 : 0], 4)));
        }
        if (!insn.memory || op == Op.LEA || op == Op.NOP || op == Op.INVLPG || op == Op.CACHE_HINT) {
            return 0;
        }
        for (int i = 0; i < Insn.OPERANDS; i++) {
            if (insn.kind[i] == OperandKind.MEMORY) {
                boolean writes = i < insn.form.accesses().length && (insn.form.accesses()[i] & Form.WRITE) != 0;
                return matches(dr, READ_WRITE, writes ? WRITE : READ_WRITE, linear, Math.max(1, insn.size[i]));
            }
        }
        return 0;
    }

    /** Enabled breakpoints of one of two kinds that overlap a range, as a bit set. */
    private static int matches(long[] dr, int kind, int otherKind, long address, int size) {
        long dr7 = dr[DR7];
        int hits = 0;
        for (int i = 0; i < BREAKPOINTS; i++) {
            int type = (int) (dr7 >>> 16 + 4 * i) & 3;
            if ((dr7 >>> 2 * i & 3) == 0 || type != kind && type != otherKind) {
                continue;
            }
            int length = (int) (dr7 >>> 18 + 4 * i) & 3;
            int bytes = length == 2 ? 8 : length + 1;
            long from = dr[i] & -bytes;
            if (address < from + bytes && from < address + size) {
                hits |= 1 << i;
            }
        }
        return hits;
    }
}
