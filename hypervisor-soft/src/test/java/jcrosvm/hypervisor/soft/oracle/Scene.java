package jcrosvm.hypervisor.soft.oracle;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.hypervisor.x86.DescriptorTable;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.Segment;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.memory.GuestMemory;

/**
 * A piece of code and the machine around it: tables, stacks, and handlers of all exceptions. Memory is otherwise full
 * of "out 80h, al; jmp $", which ends a run wherever it strays.
 */
final class Scene {
    static final int SIZE = 0x10_0000;
    static final int CODE = 0x1000;
    static final int GDT = 0x2000;
    static final int IDT = 0x3000;
    static final int LDT = 0x4000;
    static final int TSS = 0x5000;
    static final int OTHER_TSS = 0x5800;
    static final int STACK = 0x8000;
    /** Of CPL 3. */
    static final int OUTER_STACK = 0xa000;

    static final int INNER_STACK = 0xc000;
    static final int INTERRUPT_STACK = 0xe000;
    static final int PML4 = 0x1_0000;
    static final int PDPT = 0x1_1000;
    static final int DIRECTORY = 0x1_2000;
    static final int HANDLERS = 0x2_0000;
    /** Where transfers may lead. */
    static final int TARGETS = 0x3_0000;

    static final int CODE32 = 0x08;
    static final int DATA32 = 0x10;
    static final int USER_CODE32 = 0x1b;
    static final int USER_DATA32 = 0x23;
    static final int CODE64 = 0x28;
    static final int USER_CODE64 = 0x33;
    static final int TASK = 0x38;
    static final int LOCAL = 0x48;
    static final int CODE16 = 0x58;
    static final int DATA16 = 0x60;
    static final int FIRST_FREE = 0x68;
    static final int GDT_ENTRIES = 64;
    static final int LDT_ENTRIES = 32;

    /** The mode that the code begins in. */
    enum Mode {
        REAL(2),
        VIRTUAL_8086(2),
        PROTECTED(4),
        COMPATIBILITY(4),
        LONG(8);

        final int codeSize;

        Mode(int codeSize) {
            this.codeSize = codeSize;
        }

        boolean longMode() {
            return this == COMPATIBILITY || this == LONG;
        }

        boolean descriptors() {
            return this != REAL && this != VIRTUAL_8086;
        }
    }

    /** A value to put into memory before the run. */
    private record Patch(long address, int size, long value) {}

    final Mode mode;
    final int cpl;
    long flags = Registers.RFLAGS_FIXED | 3 << 12;
    final long[] gpr = new long[16];
    final long[] gdt = new long[GDT_ENTRIES];
    final long[] ldt = new long[LDT_ENTRIES];
    long cr0 = 0x11;
    long cr4;
    long efer;
    /** Of 64 bits, of the descriptor table that it loads. */
    long tableBase;

    private final List<Integer> code = new ArrayList<>();
    private final List<Patch> patches = new ArrayList<>();

    Scene(Mode mode, int cpl) {
        this.mode = mode;
        this.cpl = mode == Mode.VIRTUAL_8086 ? 3 : mode == Mode.REAL ? 0 : cpl;
        gdt[CODE32 >> 3] = descriptor(0, 0xf_ffff, 0x9b, 0xc);
        gdt[DATA32 >> 3] = descriptor(0, 0xf_ffff, 0x93, 0xc);
        gdt[USER_CODE32 >> 3] = descriptor(0, 0xf_ffff, 0xfb, 0xc);
        gdt[USER_DATA32 >> 3] = descriptor(0, 0xf_ffff, 0xf3, 0xc);
        gdt[CODE64 >> 3] = descriptor(0, 0xf_ffff, 0x9b, 0xa);
        gdt[USER_CODE64 >> 3] = descriptor(0, 0xf_ffff, 0xfb, 0xa);
        gdt[TASK >> 3] = descriptor(TSS, 0x2ff, 0x8b, 0);
        gdt[LOCAL >> 3] = descriptor(LDT, LDT_ENTRIES * 8 - 1, 0x82, 0);
        gdt[CODE16 >> 3] = descriptor(0, 0xffff, 0x9b, 0);
        gdt[DATA16 >> 3] = descriptor(0, 0xffff, 0x93, 0);
        gpr[4] = this.cpl == 3 ? OUTER_STACK : STACK;
        if (mode == Mode.REAL) {
            cr0 = 0x10;
        } else if (mode.longMode()) {
            cr0 = 0x8001_0011L;
            cr4 = 0x20;
            efer = 0xd00;
        }
        for (int i = 0; i < 3; i++) {
            if (mode.longMode()) {
                put(TSS + 4 + 8 * i, 8, INNER_STACK + 0x400 * i);
            } else {
                put(TSS + 4 + 8 * i, 4, INNER_STACK + 0x400 * i);
                put(TSS + 8 + 8 * i, 4, i == 0 ? DATA32 : 0);
            }
        }
        if (mode.longMode()) {
            put(TSS + 36, 8, INTERRUPT_STACK);
            put(TSS + 44, 8, INTERRUPT_STACK + 0x408);
        }
        put(TSS + 102, 2, 0x68);
        for (int i = 0; i < 0x280; i += 8) {
            put(TSS + 0x68 + i, 8, 0);
        }
        for (int i = 0; i < 256; i++) {
            gate(i, mode.longMode() ? CODE64 : CODE32, HANDLERS + 16 * i, i == 3 || i == 4 ? 0xee : 0x8e, 0);
        }
    }

    /** @param flags granularity, size and L: the upper nibble of byte 6 */
    static long descriptor(long base, long limit, int access, int flags) {
        return limit & 0xffff
                | (base & 0xff_ffff) << 16
                | (long) access << 40
                | (limit >> 16 & 0xf) << 48
                | (long) flags << 52
                | base >> 24 << 56;
    }

    void gate(int vector, int selector, long offset, int access, int stack) {
        if (!mode.descriptors() && mode != Mode.VIRTUAL_8086) {
            put(4L * vector, 2, offset & 0xffff);
            put(4L * vector + 2, 2, offset >> 16 << 12);
            return;
        }
        long low = callGate(selector, offset, access, stack);
        if (mode.longMode()) {
            put(IDT + 16L * vector, 8, low);
            put(IDT + 16L * vector + 8, 8, offset >>> 32);
        } else {
            put(IDT + 8L * vector, 8, low);
        }
    }

    static long callGate(int selector, long offset, int access, int parameters) {
        return offset & 0xffff
                | (long) selector << 16
                | (long) parameters << 32
                | (long) access << 40
                | (offset >> 16 & 0xffff) << 48;
    }

    /** Whether it is about the content of DR6. */
    boolean readsDr6() {
        return code.size() >= 3 && code.subList(0, 3).equals(List.of(0x0f, 0x21, 0xf0));
    }

    Scene code(int... bytes) {
        for (int b : bytes) {
            code.add(b);
        }
        return this;
    }

    void put(long address, int size, long value) {
        patches.add(new Patch(address, size, value));
    }

    void write(GuestMemory memory) {
        memory.write(0, BACKGROUND);
        for (int i = 0; i < code.size(); i++) {
            memory.putByte(CODE + i, code.get(i).byteValue());
        }
        for (int i = 0; i < END.length; i++) {
            memory.putByte(CODE + code.size() + i, (byte) END[i]);
        }
        for (int i = 0; i < GDT_ENTRIES; i++) {
            memory.putLong(GDT + 8L * i, gdt[i]);
        }
        for (int i = 0; i < LDT_ENTRIES; i++) {
            memory.putLong(LDT + 8L * i, ldt[i]);
        }
        for (Patch p : patches) {
            switch (p.size) {
                case 8 -> memory.putLong(p.address, p.value);
                case 4 -> memory.putInt(p.address, (int) p.value);
                case 2 -> memory.putShort(p.address, (short) p.value);
                default -> memory.putByte(p.address, (byte) p.value);
            }
        }
        memory.putLong(PML4, PDPT | 7);
        memory.putLong(PDPT, DIRECTORY | 7);
        memory.putLong(DIRECTORY, 0x87);
    }

    /** out 80h, al; jmp $. */
    private static final int[] END = {0xe6, 0x80, 0xeb, 0xfe};

    private static final byte[] BACKGROUND = new byte[SIZE];

    static {
        for (int i = 0; i < SIZE; i++) {
            BACKGROUND[i] = (byte) END[i % END.length];
        }
    }

    Registers registers() {
        return new Registers(
                gpr[0],
                gpr[3],
                gpr[1],
                gpr[2],
                gpr[6],
                gpr[7],
                gpr[4],
                gpr[5],
                gpr[8],
                gpr[9],
                gpr[10],
                gpr[11],
                gpr[12],
                gpr[13],
                gpr[14],
                gpr[15],
                CODE,
                mode == Mode.VIRTUAL_8086 ? flags | 1 << 17 : flags);
    }

    SpecialRegisters special(long apicBase) {
        Segment cs = segment(code(), Segment.CODE);
        Segment data = segment(data(), Segment.DATA);
        Segment tr = new Segment(TASK, TSS, 0x2ff, 0xb, true, 0, false, false, false, false, false, false);
        Segment local =
                new Segment(LOCAL, LDT, LDT_ENTRIES * 8 - 1, 2, true, 0, false, false, false, false, false, false);
        DescriptorTable tables = new DescriptorTable(GDT, GDT_ENTRIES * 8 - 1);
        DescriptorTable vectors = mode == Mode.REAL ? new DescriptorTable(0, 0x3ff) : new DescriptorTable(IDT, 0xfff);
        return new SpecialRegisters(
                cs,
                data,
                data,
                data,
                data,
                data,
                tr,
                local,
                tables,
                vectors,
                cr0,
                0,
                mode.longMode() ? PML4 : 0,
                cr4,
                0,
                efer,
                apicBase);
    }

    int code() {
        return switch (mode) {
            case REAL, VIRTUAL_8086 -> 0;
            case PROTECTED, COMPATIBILITY -> cpl == 3 ? USER_CODE32 : CODE32;
            case LONG -> cpl == 3 ? USER_CODE64 : CODE64;
        };
    }

    int data() {
        return !mode.descriptors() ? 0 : cpl == 3 ? USER_DATA32 : DATA32;
    }

    private Segment segment(int selector, int type) {
        if (!mode.descriptors()) {
            int realType = mode == Mode.REAL ? type : Segment.DATA;
            return new Segment(selector, 0, 0xffff, realType, true, cpl, false, true, false, false, false, false);
        }
        boolean wide = type == Segment.CODE && mode == Mode.LONG;
        return new Segment(selector, 0, -1, type, true, cpl, !wide, true, wide, true, false, false);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(mode + " CPL " + cpl + ", code");
        code.forEach(b -> text.append(" %02x".formatted(b & 0xff)));
        return text.toString();
    }
}
