package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;

/** Descriptor tables, a TSS and handlers for a {@link CodeMachine} in 64-bit mode. */
final class SystemTables {
    static final int GDT = 0x2_0000;
    static final int IDT = 0x2_1000;
    static final int TSS = 0x2_2000;
    static final int INNER_STACK = 0x2_4000;
    static final int INTERRUPT_STACK = 0x2_5000;
    /** The handler of vector n is 16 n behind. */
    static final int HANDLERS = 0x2_8000;

    static final int CODE = 0x08;
    static final int DATA = 0x10;
    static final int USER_CODE_32 = 0x1b;
    static final int USER_DATA = 0x23;
    static final int USER_CODE = 0x2b;
    static final int TASK = 0x30;

    private static final int INTERRUPT_GATE = 0x8e;

    private final CodeMachine machine;

    SystemTables(CodeMachine machine) {
        this.machine = machine;
        machine.put(GDT + CODE, 0x00af_9b00_0000_ffffL)
                .put(GDT + DATA, 0x00cf_9300_0000_ffffL)
                .put(GDT + (USER_CODE_32 & ~7), 0x00cf_fb00_0000_ffffL)
                .put(GDT + (USER_DATA & ~7), 0x00cf_f300_0000_ffffL)
                .put(GDT + (USER_CODE & ~7), 0x00af_fb00_0000_ffffL)
                .put(TSS + 4, INNER_STACK)
                .put(TSS + 36, INTERRUPT_STACK + 8);
        for (int vector = 0; vector < 256; vector++) {
            gate(vector, INTERRUPT_GATE, 0);
        }
        Cpu cpu = machine.cpu;
        cpu.gdtBase = GDT;
        cpu.gdtLimit = 0x3f;
        cpu.idtBase = IDT;
        cpu.idtLimit = 0xfff;
        cpu.selector[Cpu.TR] = TASK;
        cpu.segmentBase(Cpu.TR, TSS);
        cpu.limit[Cpu.TR] = 0x67;
        cpu.attributes[Cpu.TR] = Cpu.ATTR_P | 0xb;
        cpu.selector[Cpu.CS] = CODE;
        cpu.selector[Cpu.SS] = DATA;
    }

    /** @param access byte 5 of the gate */
    void gate(int vector, int access, int interruptStack) {
        long handler = HANDLERS + 16L * vector;
        machine.put(
                        IDT + 16L * vector,
                        handler & 0xffff
                                | CODE << 16
                                | (long) interruptStack << 32
                                | (long) access << 40
                                | handler >> 16 << 48)
                .put(IDT + 16L * vector + 8, 0);
    }

    /** Puts the processor into 64-bit code of CPL 3. */
    SystemTables user() {
        Cpu cpu = machine.cpu;
        cpu.selector[Cpu.CS] = USER_CODE;
        cpu.selector[Cpu.SS] = USER_DATA;
        cpu.attributes[Cpu.CS] |= 3 << Cpu.ATTR_DPL_SHIFT;
        cpu.attributes[Cpu.SS] |= 3 << Cpu.ATTR_DPL_SHIFT;
        cpu.cpl = 3;
        cpu.modeChanged();
        machine.mmu.rightsChanged();
        return this;
    }

    /** The vector whose handler RIP is at. */
    int vector() {
        return (int) (machine.cpu.rip() - HANDLERS) / 16;
    }

    /** The n-th value from the top of the stack. */
    long frame(int n) {
        return machine.get(machine.cpu.gpr(Cpu.RSP) + 8L * n);
    }
}
