package jcrosvm.boot.kernel;

import jcrosvm.boot.EntryState;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.hypervisor.x86.DescriptorTable;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.Segment;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.memory.GuestMemory;

/** Processor states that boot protocols ask for, with the tables in memory that they need. */
final class CpuEntry {
    /** Linux's boot protocol wants these two selectors. */
    private static final int CODE_SELECTOR = 0x10;

    private static final int DATA_SELECTOR = 0x18;
    private static final int TASK_SELECTOR = 0x20;

    private static final long CODE32 = 0x00cf_9b00_0000_ffffL;
    private static final long CODE64 = 0x00af_9b00_0000_ffffL;
    private static final long DATA = 0x00cf_9300_0000_ffffL;
    private static final long TASK = 0x0000_8b00_0000_0067L;

    private static final int GDT_SIZE = 5 * 8;
    private static final int TASK_LIMIT = 0x67;

    private static final long PAGE = 4096;
    private static final int ENTRIES = 512;
    private static final int DIRECTORIES = 4;
    private static final long PRESENT_WRITABLE = 3;
    private static final long LARGE = 0x80;

    /** Enabled, boot processor. */
    private static final long APIC_BASE = MemoryLayout.LOCAL_APIC | 0x900;

    private CpuEntry() {}

    /** Long mode, the first 4 GiB mapped to themselves, RSI pointing to boot_params. */
    static EntryState longMode(GuestMemory memory, long rip) {
        descriptors(memory, CODE64);
        identityMap(memory);
        return new EntryState(
                Registers.entry(rip, MemoryLayout.BOOT_STACK, MemoryLayout.BOOT_PARAMS),
                special(
                        true,
                        SpecialRegisters.CR0_PE | SpecialRegisters.CR0_ET | SpecialRegisters.CR0_PG,
                        MemoryLayout.PAGE_TABLES,
                        SpecialRegisters.CR4_PAE,
                        SpecialRegisters.EFER_LME | SpecialRegisters.EFER_LMA));
    }

    /** Flat 32-bit mode without paging, ESI pointing to boot_params. */
    static EntryState linux32(GuestMemory memory, long eip) {
        return protectedMode(memory, Registers.entry(eip, MemoryLayout.BOOT_STACK, MemoryLayout.BOOT_PARAMS));
    }

    /** Flat 32-bit mode without paging: Multiboot's and PVH's registers. */
    static EntryState flat32(GuestMemory memory, long eip, long eax, long ebx) {
        return protectedMode(
                memory,
                new Registers(
                        eax,
                        ebx,
                        0,
                        0,
                        0,
                        0,
                        MemoryLayout.BOOT_STACK,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        eip,
                        Registers.RFLAGS_FIXED));
    }

    private static EntryState protectedMode(GuestMemory memory, Registers registers) {
        descriptors(memory, CODE32);
        return new EntryState(registers, special(false, SpecialRegisters.CR0_PE | SpecialRegisters.CR0_ET, 0, 0, 0));
    }

    private static SpecialRegisters special(boolean longMode, long cr0, long cr3, long cr4, long efer) {
        Segment code = Segment.flat(CODE_SELECTOR, Segment.CODE, longMode);
        // A data segment has no long-mode bit.
        Segment data = Segment.flat(DATA_SELECTOR, Segment.DATA, false);
        Segment task = new Segment(
                TASK_SELECTOR, 0, TASK_LIMIT, Segment.TSS_BUSY, true, 0, false, false, false, false, false, false);
        Segment local = new Segment(0, 0, 0, Segment.LDT, false, 0, false, false, false, false, false, true);
        return new SpecialRegisters(
                code,
                data,
                data,
                data,
                data,
                data,
                task,
                local,
                new DescriptorTable(MemoryLayout.GDT, GDT_SIZE - 1),
                new DescriptorTable(MemoryLayout.IDT, 7),
                cr0,
                0,
                cr3,
                cr4,
                0,
                efer,
                APIC_BASE);
    }

    private static void descriptors(GuestMemory memory, long code) {
        memory.putLong(MemoryLayout.GDT, 0);
        memory.putLong(MemoryLayout.GDT + 8, 0);
        memory.putLong(MemoryLayout.GDT + CODE_SELECTOR, code);
        memory.putLong(MemoryLayout.GDT + DATA_SELECTOR, DATA);
        memory.putLong(MemoryLayout.GDT + TASK_SELECTOR, TASK);
        memory.putLong(MemoryLayout.IDT, 0);
    }

    private static void identityMap(GuestMemory memory) {
        long pointers = MemoryLayout.PAGE_TABLES + PAGE;
        memory.fill(MemoryLayout.PAGE_TABLES, 2 * PAGE, (byte) 0);
        memory.putLong(MemoryLayout.PAGE_TABLES, pointers | PRESENT_WRITABLE);
        for (int directory = 0; directory < DIRECTORIES; directory++) {
            long table = pointers + PAGE * (1 + directory);
            memory.putLong(pointers + 8L * directory, table | PRESENT_WRITABLE);
            for (int i = 0; i < ENTRIES; i++) {
                long page = ((long) directory * ENTRIES + i) << 21;
                memory.putLong(table + 8L * i, page | LARGE | PRESENT_WRITABLE);
            }
        }
    }
}
