package jcrosvm.hypervisor.soft.oracle;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcrosvm.base.io.Mapping;
import jcrosvm.hypervisor.soft.cpu.Control;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.cpu.Rflags;
import jcrosvm.hypervisor.soft.interp.Apic;
import jcrosvm.hypervisor.soft.interp.DecodeBudget;
import jcrosvm.hypervisor.soft.interp.Engine;
import jcrosvm.hypervisor.soft.interp.Interpreter;
import jcrosvm.hypervisor.soft.interp.Msrs;
import jcrosvm.hypervisor.soft.interp.SystemInstructions;
import jcrosvm.hypervisor.soft.mmu.Mmu;
import jcrosvm.hypervisor.soft.mmu.Outside;
import jcrosvm.hypervisor.soft.mmu.PhysicalMemory;
import jcrosvm.hypervisor.soft.translate.CodeCache;
import jcrosvm.hypervisor.soft.translate.NativeUnit;
import jcrosvm.hypervisor.soft.translate.Translation;

/** A processor in 64-bit user mode that sees code and data at the addresses at which the host sees its own copies. */
final class GuestMachine implements Outside, Msrs, Apic, AutoCloseable {
    enum Processor {
        INTERPRETED,
        /** Translated, with all flags right wherever it stops. */
        STRICT,
        /** Translated as in earnest. */
        TRANSLATED
    }

    static final long PRESENT = 1;
    static final long WRITABLE = 2;
    static final long USER = 4;
    static final long ALL = PRESENT | WRITABLE | USER;

    private static final int PAGE = 4096;
    private static final int TABLES = 64 * PAGE;

    private static final int CODE_SEGMENT =
            Cpu.ATTR_P | Cpu.ATTR_S | Cpu.ATTR_L | 3 << Cpu.ATTR_DPL_SHIFT | 0xb | Cpu.ATTR_G;
    private static final int DATA_SEGMENT =
            Cpu.ATTR_P | Cpu.ATTR_S | Cpu.ATTR_DB | 3 << Cpu.ATTR_DPL_SHIFT | 0x3 | Cpu.ATTR_G;

    final Cpu cpu = new Cpu(0);
    final PhysicalMemory memory = new PhysicalMemory();
    final Mmu mmu = new Mmu(cpu, memory, this);
    private final CodeCache translated = new CodeCache(memory);
    final Engine engine;
    final MemorySegment code;
    final MemorySegment data;

    private final Mapping ram;
    private final NativeUnit unit = new NativeUnit(cpu, mmu);
    private int tables = PAGE;
    private final long dataAddress;

    /** Maps code and data, whose sizes are of whole pages, to these linear addresses. */
    GuestMachine(Processor processor, long codeAddress, int codeSize, long dataAddress, int dataSize) {
        ram = Mapping.anonymous(TABLES + codeSize + dataSize);
        code = ram.segment().asSlice(TABLES, codeSize);
        data = ram.segment().asSlice(TABLES + codeSize, dataSize);
        this.dataAddress = dataAddress;
        memory.add(0, ram.segment(), false);
        for (int i = 0; i < codeSize; i += PAGE) {
            map(codeAddress + i, TABLES + i, ALL);
        }
        for (int i = 0; i < dataSize; i += PAGE) {
            map(dataAddress + i, TABLES + codeSize + i, ALL);
        }
        cpu.cr0 = Control.CR0_PE
                | Control.CR0_PG
                | Control.CR0_WP
                | Control.CR0_NE
                | Control.CR0_ET
                | Control.CR0_MP
                | Control.CR0_AM;
        cpu.cr4 = Control.CR4_PAE | Control.CR4_OSFXSR | Control.CR4_OSXMMEXCPT | Control.CR4_PGE;
        cpu.efer = Control.EFER_LME | Control.EFER_LMA | Control.EFER_NXE | Control.EFER_SCE;
        cpu.cr3 = 0;
        for (int i = 0; i < Cpu.LDTR; i++) {
            cpu.limit[i] = 0xffff_ffffL;
            cpu.attributes[i] = i == Cpu.CS ? CODE_SEGMENT : DATA_SEGMENT;
            cpu.selector[i] = i == Cpu.CS ? 0x33 : i == Cpu.SS ? 0x2b : 0;
        }
        cpu.cpl = 3;
        cpu.rflags(Rflags.FIXED | Rflags.IF);
        cpu.modeChanged();
        SystemInstructions system = new SystemInstructions(cpu, mmu, this, this);
        mmu.processor().enter();
        mmu.rightsChanged();
        mmu.flush(true);
        Interpreter interpreter = new Interpreter(cpu, mmu, this, system, unit, new DecodeBudget());
        boolean strict = processor == Processor.STRICT;
        engine = processor == Processor.INTERPRETED
                ? interpreter
                : Translation.engine(cpu, mmu, interpreter, system.debugging(), translated, strict);
    }

    void map(long linear, long physical, long rights) {
        ram.segment().set(ValueLayout.JAVA_LONG, entry(linear), physical | rights);
    }

    /** Physical address of the last-level entry; tables in between are made. */
    private long entry(long linear) {
        long table = 0;
        for (int shift = 39; shift > 12; shift -= 9) {
            long entry = table + 8 * (linear >>> shift & 511);
            if (ram.segment().get(ValueLayout.JAVA_LONG, entry) == 0) {
                ram.segment().set(ValueLayout.JAVA_LONG, entry, tables | ALL);
                tables += PAGE;
                if (tables > TABLES) {
                    throw new AssertionError("too few page tables");
                }
            }
            table = ram.segment().get(ValueLayout.JAVA_LONG, entry) & -PAGE & 0xff_ffff_ffffL;
        }
        return table + 8 * (linear >>> 12 & 511);
    }

    /** Rights of a page of data, by its number. */
    void rights(int page, long rights) {
        long entry = entry(dataAddress + (long) page * PAGE);
        long old = ram.segment().get(ValueLayout.JAVA_LONG, entry);
        if ((old & ALL) != rights) {
            ram.segment().set(ValueLayout.JAVA_LONG, entry, old & ~ALL | rights);
            mmu.flushPage(dataAddress + (long) page * PAGE);
        }
    }

    /** Code was written, behind the processor's back. */
    void codeChanged(int offset, int length) {
        memory.written(TABLES + offset, length);
    }

    @Override
    public int taskPriority() {
        return 0;
    }

    @Override
    public void taskPriority(int priority) {}

    @Override
    public long read(int index) {
        throw cpu.gp(0);
    }

    @Override
    public void write(int index, long value) {
        throw cpu.gp(0);
    }

    @Override
    public void cpuid(int leaf, int subleaf, int[] answer) {}

    @Override
    public long timeStampOffset() {
        return 0;
    }

    @Override
    public long timeStampCounter() {
        return System.nanoTime();
    }

    @Override
    public long portRead(int port, int size) {
        throw new AssertionError("port");
    }

    @Override
    public void portWrite(int port, int size, long value) {
        throw new AssertionError("port");
    }

    @Override
    public long mmioRead(long address, int size) {
        throw new AssertionError("device at " + Long.toHexString(address));
    }

    @Override
    public void mmioWrite(long address, int size, long value) {
        throw new AssertionError("device at " + Long.toHexString(address));
    }

    @Override
    public void close() throws Exception {
        if (engine instanceof AutoCloseable closeable) {
            closeable.close();
        }
        translated.close();
        unit.close();
        mmu.processor().close();
        cpu.close();
        ram.unmap();
    }
}
