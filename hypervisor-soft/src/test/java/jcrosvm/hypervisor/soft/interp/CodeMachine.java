package jcrosvm.hypervisor.soft.interp;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import jcrosvm.hypervisor.soft.mmu.Outside;
import jcrosvm.hypervisor.soft.mmu.PhysicalMemory;

/** A processor with an interpreter over RAM at 0, in a mode of choice, that runs bytes of code. */
final class CodeMachine implements Outside {
    enum Mode {
        REAL(2),
        VIRTUAL_8086(2),
        PROTECTED_16(2),
        PROTECTED_32(4),
        COMPATIBILITY(4),
        LONG(8);

        final int codeSize;

        Mode(int codeSize) {
            this.codeSize = codeSize;
        }
    }

    static final int CODE = 0x8000;
    static final int STACK = 0x7000;
    static final int DATA = 0x10000;
    private static final int TABLES = 0x1000; // four pages: PML4, PDPT, two of directories
    private static final int RAM = 4 << 20;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    final PhysicalMemory memory = new PhysicalMemory();
    final Mapping ram;
    final Cpu cpu;
    final Mmu mmu;
    final SystemInstructions system;
    final DecodeBudget budget = new DecodeBudget();
    final Interpreter interpreter;
    final Mode mode;
    /** What the ports saw, and what they answer. */
    final List<String> ports = new ArrayList<>();

    long portAnswer = 0x1122_3344;

    CodeMachine(Mode mode) {
        this(mode, RAM);
    }

    CodeMachine(Mode mode, long size) {
        this.mode = mode;
        ram = Mapping.anonymous(size);
        memory.add(0, ram.segment(), false);
        cpu = new Cpu(0);
        mmu = new Mmu(cpu, memory, this);
        Msrs msrs = new Msrs() {
            @Override
            public long read(int index) {
                return 0;
            }

            @Override
            public void write(int index, long value) {}

            @Override
            public void cpuid(int leaf, int subleaf, int[] answer) {}

            @Override
            public long timeStampOffset() {
                return 0;
            }

            @Override
            public long timeStampCounter() {
                return 0;
            }
        };
        Apic apic = new Apic() {
            @Override
            public int taskPriority() {
                return 0;
            }

            @Override
            public void taskPriority(int priority) {}
        };
        system = new SystemInstructions(cpu, mmu, msrs, apic);
        interpreter = new Interpreter(cpu, mmu, this, system, (insn, linear) -> {}, budget);
        set(mode);
    }

    /** All registers as for a new one; memory stays. */
    void set(Mode m) {
        boolean wide = m == Mode.PROTECTED_32 || m == Mode.COMPATIBILITY;
        for (int n = 0; n < Cpu.SEGMENTS; n++) {
            cpu.segmentBase(n, 0);
            cpu.attributes[n] = Cpu.ATTR_P | Cpu.ATTR_S | 3 | (wide ? Cpu.ATTR_DB : 0);
            cpu.limit[n] = wide || m == Mode.LONG ? 0xffff_ffffL : 0xffff;
            cpu.selector[n] = 8 * n + 8;
        }
        cpu.attributes[Cpu.CS] |= 8;
        cpu.segmentBase(Cpu.ES, m.codeSize == 2 ? DATA : 0);
        cpu.segmentBase(Cpu.DS, m.codeSize == 2 ? DATA : 0);
        cpu.rflags(Rflags.FIXED);
        cpu.cpl = 0;
        cpu.cr0 = m == Mode.REAL ? Control.CR0_ET : Control.CR0_PE | Control.CR0_ET;
        cpu.cr4 = 0;
        cpu.efer = 0;
        cpu.halted = false;
        cpu.interruptShadow = false;
        cpu.nmiBlocked = false;
        Arrays.fill(cpu.dr, 0);
        cpu.dr[7] = 0x400;
        if (m == Mode.VIRTUAL_8086) {
            cpu.rflags(Rflags.FIXED | Rflags.VM);
            cpu.cpl = 3;
        }
        if (m == Mode.LONG || m == Mode.COMPATIBILITY) {
            put(TABLES, TABLES + 0x1000 | 7);
            put(TABLES + 0x1000, TABLES + 0x2000 | 7);
            for (int i = 0; i < 512; i++) {
                put(TABLES + 0x2000 + 8 * i, (long) i << 21 | 0x87);
            }
            cpu.cr3 = TABLES;
            cpu.cr4 = Control.CR4_PAE;
            cpu.efer = Control.EFER_LME | Control.EFER_LMA;
            cpu.cr0 |= Control.CR0_PG | Control.CR0_WP;
            cpu.attributes[Cpu.CS] |= m == Mode.LONG ? Cpu.ATTR_L : 0;
        }
        cpu.modeChanged();
        system.debugging().changed();
        mmu.flush(true);
        mmu.rightsChanged();
        cpu.gpr(Cpu.RSP, STACK);
    }

    /** Maps the page at a linear address by 4 KiB pages of its own, and returns where its entry is. */
    long smallPages(long linear) {
        int table = 0x6000;
        long base = linear & -(2L << 20);
        for (int i = 0; i < 512; i++) {
            put(table + 8 * i, base + 4096L * i | 7);
        }
        put(TABLES + 0x2000 + 8 * (linear >>> 21), table | 7);
        mmu.flush(true);
        return table + 8 * (linear >>> 12 & 511);
    }

    CodeMachine put(long address, long value) {
        ram.segment().set(LONG, address, value);
        return this;
    }

    long get(long address) {
        return ram.segment().get(LONG, address);
    }

    void bytes(long address, String hex) {
        byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
        MemorySegment.copy(bytes, 0, ram.segment(), ValueLayout.JAVA_BYTE, address, bytes.length);
        memory.written(address, bytes.length);
    }

    /** Puts code at {@link #CODE} and RIP there. */
    CodeMachine code(String hex) {
        bytes(CODE, hex);
        cpu.rip(CODE);
        return this;
    }

    /** Executes {@code n} instructions. */
    CodeMachine steps(int n) {
        mmu.processor().enter();
        for (int i = 0; i < n; i++) {
            interpreter.step();
        }
        return this;
    }

    /** Runs until HLT. */
    CodeMachine run() {
        mmu.processor().enter();
        cpu.halted = false;
        while (!cpu.halted) {
            interpreter.run();
            cpu.take(-1);
        }
        return this;
    }

    /** Executes one instruction that faults; returns {@code vector:error}. */
    String fault() {
        long rip = cpu.rip();
        try {
            steps(1);
        } catch (GuestException e) {
            if (cpu.rip() != rip) {
                throw new AssertionError("RIP moved");
            }
            return e.vector() + ":" + e.errorCode();
        }
        throw new AssertionError("no fault");
    }

    long gpr(int n) {
        return cpu.gpr(n);
    }

    CodeMachine gpr(int n, long value) {
        cpu.gpr(n, value);
        return this;
    }

    int flags() {
        return (int) cpu.rflags() & Rflags.ARITHMETIC;
    }

    @Override
    public long portRead(int port, int size) {
        ports.add("in %x %d".formatted(port, size));
        return portAnswer & (1L << 8 * size) - 1;
    }

    @Override
    public void portWrite(int port, int size, long value) {
        ports.add("out %x %d %x".formatted(port, size, value));
    }

    @Override
    public long mmioRead(long address, int size) {
        return -1L >>> 64 - 8 * size;
    }

    @Override
    public void mmioWrite(long address, int size, long value) {}
}
