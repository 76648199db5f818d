package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.mmu.Mmu;

/**
 * Exceptions and interrupts on their way to the guest's handlers (SDM volume 3, chapter 7): at CS:RIP as they are, with
 * the double faults that come of faults on the way.
 */
public final class Delivery {
    private static final int VECTOR_NMI = GuestException.NMI;
    private static final int EXTERNAL = 1;
    private static final int CONTRIBUTORY = 1 << GuestException.DE
            | 1 << GuestException.TS
            | 1 << GuestException.NP
            | 1 << GuestException.SS
            | 1 << GuestException.GP;
    /** Not faults: RIP in the frame is behind the instruction, or meaningless. */
    private static final int TRAPS = 1 << GuestException.DB
            | 1 << VECTOR_NMI
            | 1 << GuestException.BP
            | 1 << GuestException.OF
            | 1 << GuestException.DF;

    private static final int CODE_BYTES = 15;

    private final Cpu cpu;
    private final Mmu mmu;
    private final Debugging debugging;
    private final Segmentation segmentation;
    private final StackCursor stack;
    private final GateDelivery gates;
    private String shutdown = "";

    Delivery(Cpu cpu, Mmu mmu, Segmentation segmentation, Debugging debugging, TaskState taskState, TaskSwitch tasks) {
        this.cpu = cpu;
        this.mmu = mmu;
        this.segmentation = segmentation;
        this.debugging = debugging;
        stack = new StackCursor(cpu, mmu);
        gates = new GateDelivery(cpu, mmu, segmentation, debugging, taskState, tasks);
    }

    /**
     * Delivers a fault of the instruction at CS:RIP, or a trap after the one before.
     *
     * @return false on a triple fault: the processor shuts down
     */
    public boolean exception(GuestException e) {
        return raise(e.vector(), e.errorCode());
    }

    /** Delivers an interrupt of the local APIC or PIC; false on a triple fault. */
    public boolean interrupt(int vector) {
        try {
            deliver(vector, GuestException.NO_ERROR_CODE, cpu.rip(), cpu.rflags(), false, EXTERNAL);
            return true;
        } catch (GuestException e) {
            return raise(e.vector(), e.errorCode());
        }
    }

    /** Delivers a non-maskable interrupt and blocks others until IRET; false on a triple fault. */
    public boolean nmi() {
        cpu.nmiBlocked = true;
        return interrupt(VECTOR_NMI);
    }

    /** What led to the last triple fault, in one line. */
    public String shutdownReason() {
        return shutdown;
    }

    /**
     * INT n, INT3, INTO: enters the handler or throws the fault of the attempt.
     *
     * @param next RIP behind the instruction
     */
    void software(int vector, long next) {
        debugging.suppressStep();
        deliver(vector, GuestException.NO_ERROR_CODE, next, cpu.rflags(), true, 0);
    }

    /** INT1: like an exception of the processor, whatever the gate's DPL. */
    void trap(int vector, long next) {
        debugging.suppressStep();
        deliver(vector, GuestException.NO_ERROR_CODE, next, cpu.rflags(), false, EXTERNAL);
    }

    private boolean raise(int firstVector, int firstError) {
        int vector = firstVector;
        int error = firstError;
        while (true) {
            try {
                long flags = cpu.rflags();
                if (vector >= Integer.SIZE || (TRAPS & 1 << vector) == 0) {
                    flags |= Rflags.RF;
                }
                deliver(vector, error, cpu.rip(), flags, false, EXTERNAL);
                if (vector == GuestException.DB) {
                    debugging.delivered();
                }
                return true;
            } catch (GuestException nested) {
                if (vector == GuestException.DF) {
                    shutdown = "triple fault: first vector %d, error code %#x, then vector %d, error code %#x; %s"
                            .formatted(firstVector, firstError, nested.vector(), nested.errorCode(), place());
                    return false;
                }
                if (doubles(vector, nested.vector())) {
                    vector = GuestException.DF;
                    error = 0;
                } else {
                    vector = nested.vector();
                    error = nested.errorCode();
                }
            }
        }
    }

    /** Whether a second exception while the first is delivered makes a double fault (table 7-5). */
    private static boolean doubles(int first, int second) {
        boolean contributory = (CONTRIBUTORY >>> second & 1) != 0;
        return first == GuestException.PF
                ? contributory || second == GuestException.PF
                : contributory && first < Integer.SIZE && (CONTRIBUTORY >>> first & 1) != 0;
    }

    private void deliver(int vector, int error, long rip, long flags, boolean software, int external) {
        if (cpu.protectedMode() || cpu.virtual8086()) {
            gates.deliver(vector, error, rip, flags, software, external);
        } else {
            throughVectorTable(vector, rip, flags);
        }
        cpu.halted = false;
        cpu.interruptShadow = false;
    }

    private void throughVectorTable(int vector, long rip, long flags) {
        if (vector * 4 + 3 > cpu.idtLimit) {
            throw cpu.gp(0);
        }
        long entry = mmu.readSystem(cpu.idtBase + vector * 4L & 0xffff_ffffL, 4);
        stack.current().push(2, flags & 0xffff);
        stack.push(2, cpu.selector[Cpu.CS]);
        stack.push(2, rip & 0xffff);
        segmentation.real(Cpu.CS, (int) (entry >>> 16));
        stack.commit();
        debugging.loadFlags(cpu.rflags() & ~(long) (Rflags.IF | Rflags.TF | Rflags.AC | Rflags.RF));
        cpu.rip(entry & 0xffff);
        cpu.modeChanged();
    }

    /** Where the processor is and what stands there, for a log. */
    public String place() {
        StringBuilder text = new StringBuilder("at %04x:%x, CPL %d, CR0 %x, CR2 %x, CR3 %x, EFER %x, RSP %x, code"
                .formatted(
                        cpu.selector[Cpu.CS],
                        cpu.rip(),
                        cpu.cpl,
                        cpu.cr0,
                        cpu.cr2,
                        cpu.cr3,
                        cpu.efer,
                        cpu.gpr(Cpu.RSP)));
        long cr2 = cpu.cr2;
        try {
            long linear = cpu.codeSize() == 8 ? cpu.rip() : cpu.segmentBase(Cpu.CS) + cpu.rip() & 0xffff_ffffL;
            for (int i = 0; i < CODE_BYTES; i++) {
                text.append(" %02x".formatted(mmu.readSystem(linear + i, 1)));
            }
        } catch (GuestException e) {
            text.append(" (not readable)");
        }
        cpu.cr2 = cr2;
        return text.toString();
    }
}
