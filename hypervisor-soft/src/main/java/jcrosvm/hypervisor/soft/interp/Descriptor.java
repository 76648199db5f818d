package jcrosvm.hypervisor.soft.interp;

import jcrosvm.hypervisor.soft.cpu.Cpu;

/** A segment or gate descriptor as it lies in memory (SDM volume 3, 3.4.5 and 5.8.3). Filled again and again. */
final class Descriptor {
    static final int TSS_16 = 1;
    static final int LDT = 2;
    static final int TSS_16_BUSY = 3;
    static final int CALL_GATE_16 = 4;
    static final int TASK_GATE = 5;
    static final int INTERRUPT_GATE_16 = 6;
    static final int TRAP_GATE_16 = 7;
    static final int TSS = 9;
    static final int TSS_BUSY = 0xb;
    static final int CALL_GATE = 0xc;
    static final int INTERRUPT_GATE = 0xe;
    static final int TRAP_GATE = 0xf;

    /** Type bits of code and data segments. */
    static final int ACCESSED = 1;

    static final int WRITABLE = 2;
    static final int READABLE = 2;
    static final int EXPAND_DOWN = 4;
    static final int CONFORMING = 4;
    static final int CODE = 8;

    private static final int ATTRIBUTES = 0xf0ff;
    private static final int TYPE_SHIFT = 40;

    /** Where it was read. */
    long address;

    long low;
    /** The second half of a 16-byte one, otherwise 0. */
    long high;

    int type() {
        return (int) (low >>> TYPE_SHIFT) & 0xf;
    }

    int attributes() {
        return (int) (low >>> TYPE_SHIFT) & ATTRIBUTES;
    }

    /** Neither code nor data. */
    boolean system() {
        return (attributes() & Cpu.ATTR_S) == 0;
    }

    boolean code() {
        return !system() && (type() & CODE) != 0;
    }

    boolean conforming() {
        return (type() & CONFORMING) != 0;
    }

    boolean writableData() {
        return !system() && (type() & (CODE | WRITABLE)) == WRITABLE;
    }

    /** Data, or code that may be read. */
    boolean readable() {
        return !system() && (type() & (CODE | READABLE)) != CODE;
    }

    boolean present() {
        return (attributes() & Cpu.ATTR_P) != 0;
    }

    boolean code64() {
        return (attributes() & Cpu.ATTR_L) != 0;
    }

    boolean big() {
        return (attributes() & Cpu.ATTR_DB) != 0;
    }

    int dpl() {
        return attributes() >>> Cpu.ATTR_DPL_SHIFT & 3;
    }

    long base() {
        return low >>> 16 & 0xff_ffff | low >>> 56 << 24 | high << 32;
    }

    /** Offset of the last byte, scaled. */
    long limit() {
        long raw = low & 0xffff | low >>> 32 & 0xf_0000;
        return (attributes() & Cpu.ATTR_G) != 0 ? raw << 12 | 0xfff : raw;
    }

    // As a gate

    int gateSelector() {
        return (int) (low >>> 16) & 0xffff;
    }

    long gateOffset() {
        return low & 0xffff | low >>> 32 & 0xffff_0000L | high << 32;
    }

    int parameters() {
        return (int) (low >>> 32) & 0x1f;
    }

    int interruptStack() {
        return (int) (low >>> 32) & 7;
    }

    /** Type bits of the second half, which must be clear. */
    int highType() {
        return (int) (high >>> TYPE_SHIFT) & 0x1f;
    }
}
