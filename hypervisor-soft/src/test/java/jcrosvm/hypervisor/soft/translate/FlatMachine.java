package jcrosvm.hypervisor.soft.translate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.cpu.StateLayout;
import jcrosvm.hypervisor.soft.interp.Apic;
import jcrosvm.hypervisor.soft.interp.DecodeBudget;
import jcrosvm.hypervisor.soft.interp.Interpreter;
import jcrosvm.hypervisor.soft.interp.Msrs;
import jcrosvm.hypervisor.soft.interp.SystemInstructions;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import jcrosvm.hypervisor.soft.mmu.Outside;
import jcrosvm.hypervisor.soft.mmu.PhysicalMemory;

/**
 * A processor in 64-bit mode whose linear addresses are the host's: RAM is seen where it is mapped in this process, so
 * the same code with the same registers can also run natively. Physical memory begins at 0 with the page tables.
 */
final class FlatMachine implements Outside, AutoCloseable {
    static final int SIZE = 8 << 20;
    /** Physical addresses below are page tables. */
    static final int FIRST = 1 << 20;

    /** What the page tables of a processor take at most. */
    private static final int TABLES = 0x40000;
    /** Small, so that it is full now and then. */
    private static final int CODE = 2 << 20;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;

    final Mapping ram;
    final MemorySegment segment;
    final PhysicalMemory memory;
    final Cpu cpu;
    final Mmu mmu;
    final SystemInstructions system;
    final Interpreter interpreter;
    private final NativeUnit unit;
    final List<String> device = new ArrayList<>();
    private final int root;
    private int tables;
    private final boolean ownsMemory;
    private final List<CodeCache> caches = new ArrayList<>();

    FlatMachine() {
        this(Mapping.anonymous(SIZE), new PhysicalMemory(), 0);
        memory.add(0, segment, false);
    }

    /** Another processor on the memory of a machine, with page tables of its own. */
    FlatMachine(FlatMachine first, int id) {
        this(first.ram, first.memory, id);
    }

    private FlatMachine(Mapping ram, PhysicalMemory memory, int id) {
        this.ram = ram;
        this.memory = memory;
        ownsMemory = id == 0;
        segment = ram.segment();
        cpu = new Cpu(id);
        root = 0x1000 + id * TABLES;
        tables = root + 4096;
        for (int at = FIRST; at < SIZE; at += 4096) {
            map(linear(at), at, 0x63);
        }
        reset();
        mmu = new Mmu(cpu, memory, this);
        mmu.processor().enter();
        system = new SystemInstructions(cpu, mmu, new NoMsrs(cpu), new NoApic());
        unit = new NativeUnit(cpu, mmu);
        interpreter = new Interpreter(cpu, mmu, this, system, unit, new DecodeBudget());
    }

    /** 64-bit mode at CPL 0 with SSE on. */
    void reset() {
        cpu.cpl = 0;
        cpu.halted = false;
        cpu.interruptShadow = false;
        Arrays.fill(cpu.dr, 0);
        cpu.cr3 = root;
        cpu.cr0 = Control.CR0_PE | Control.CR0_PG | Control.CR0_NE | Control.CR0_WP | Control.CR0_ET;
        cpu.cr4 = Control.CR4_PAE | Control.CR4_OSFXSR | Control.CR4_OSXMMEXCPT;
        cpu.efer = Control.EFER_LME | Control.EFER_LMA | Control.EFER_NXE;
        cpu.attributes[Cpu.CS] = 0x9b | Cpu.ATTR_L;
        cpu.attributes[Cpu.SS] = 0x93 | Cpu.ATTR_DB;
        cpu.attributes[Cpu.DS] = 0x93 | Cpu.ATTR_DB;
        cpu.rflags(Rflags.FIXED);
        cpu.state().set(ValueLayout.JAVA_INT, StateLayout.MXCSR, 0x1f80);
        cpu.state().set(ValueLayout.JAVA_SHORT, StateLayout.FX, (short) 0x37f);
        cpu.modeChanged();
    }

    TranslatingEngine engine(boolean strict) {
        return engine(cache(CODE), strict);
    }

    /** Closed with the machine. */
    CodeCache cache(int size) {
        CodeCache cache = new CodeCache(memory, size);
        caches.add(cache);
        return cache;
    }

    TranslatingEngine engine(CodeCache cache, boolean strict) {
        return new TranslatingEngine(cpu, mmu, interpreter, system.debugging(), cache, strict);
    }

    /** Where a physical address is seen. */
    long linear(int physical) {
        return segment.address() + physical;
    }

    /** Writes a page table entry; flags as the processor's. */
    void map(long linear, long physical, long flags) {
        long table = root;
        for (int level = 39; level > 12; level -= 9) {
            long at = table + (linear >>> level & 511) * 8;
            long entry = segment.get(LONG, at);
            if (entry == 0) {
                entry = tables | 0x67;
                segment.set(LONG, at, entry);
                tables += 4096;
            }
            table = entry & -4096L;
        }
        segment.set(LONG, table + (linear >>> 12 & 511) * 8, physical | flags);
    }

    /** Zeroes all but the page tables. */
    void clear() {
        segment.asSlice(FIRST).fill((byte) 0);
        memory.written(FIRST, SIZE - FIRST);
    }

    /** Puts code into memory as a device would. */
    void code(int physical, byte[] bytes) {
        MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, physical, bytes.length);
        memory.written(physical, bytes.length);
    }

    @Override
    public long portRead(int port, int size) {
        return -1L >>> 64 - 8 * size;
    }

    @Override
    public void portWrite(int port, int size, long value) {}

    @Override
    public long mmioRead(long address, int size) {
        device.add("read %x %d".formatted(address, size));
        return 0x1122334455667788L >>> 64 - 8 * size;
    }

    @Override
    public void mmioWrite(long address, int size, long value) {
        device.add("write %x %d %x".formatted(address, size, value));
    }

    private record NoMsrs(Cpu cpu) implements Msrs {
        @Override
        public long read(int index) {
            throw cpu.gp(0);
        }

        @Override
        public void write(int index, long value) {
            throw cpu.gp(0);
        }

        @Override
        public void cpuid(int leaf, int subleaf, int[] answer) {
            Arrays.fill(answer, 0);
        }

        @Override
        public long timeStampOffset() {
            return 0;
        }

        @Override
        public long timeStampCounter() {
            return 1;
        }
    }

    private static final class NoApic implements Apic {
        @Override
        public int taskPriority() {
            return 0;
        }

        @Override
        public void taskPriority(int priority) {}
    }

    @Override
    public void close() {
        interpreter.close();
        unit.close();
        mmu.processor().close();
        caches.forEach(CodeCache::close);
        cpu.close();
        if (ownsMemory) {
            ram.unmap();
        }
    }
}
