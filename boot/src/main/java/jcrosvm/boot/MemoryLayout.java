package jcrosvm.boot;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * Where everything lies in guest physical memory: a pure function of RAM size, PCI windows and address width.
 *
 * @param ram what {@link GuestMemory} is to back; 0xA0000 to 1 MiB is backed, but reserved in {@code e820}
 * @param ecam PCI Express enhanced configuration
 * @param pciMmio32 for BARs below 4 GiB
 * @param pciMmio64 for BARs above RAM; its size is 0 when the address width leaves no room
 * @param e820 ascending
 */
public record MemoryLayout(
        List<GuestMemory.Range> ram,
        AddressWindow ecam,
        AddressWindow pciMmio32,
        AddressWindow pciMmio64,
        List<E820Entry> e820) {
    public static final long GDT = 0x1500;
    public static final long IDT = 0x1528;
    public static final long MULTIBOOT_INFO = 0x6000;
    public static final long BOOT_PARAMS = 0x7000;
    public static final long BOOT_STACK = 0x8000;
    public static final long PAGE_TABLES = 0x9000;
    public static final long COMMAND_LINE = 0x20000;
    public static final int COMMAND_LINE_SIZE = 2048;
    public static final long SETUP_DATA = 0x20800;
    public static final long MP_TABLE = 0x9e800;
    public static final long LOW_RAM_END = 0xa0000;
    public static final long ACPI_TABLES = 0xe0000;
    public static final long SMBIOS = 0xf0000;
    public static final long HIGH_MEMORY = 0x100000;
    public static final long KERNEL = 0x200000;

    /** Where the gap below 4 GiB starts unless a PCI window is placed lower. */
    public static final long GAP_START = 0xd000_0000L;

    public static final long ECAM_START = 0xf400_0000L;
    public static final long ECAM_SIZE = 0x400_0000L;
    /** From here to 4 GiB: interrupt controllers, KVM's own pages, firmware. */
    public static final long PLATFORM_START = 0xf800_0000L;

    public static final long IO_APIC = 0xfec0_0000L;
    public static final int IO_APIC_ID = 0;
    public static final long LOCAL_APIC = 0xfee0_0000L;
    public static final long KVM_IDENTITY_MAP = 0xfeff_c000L;
    public static final long KVM_TSS = 0xfeff_d000L;
    public static final long FOUR_GIB = 1L << 32;
    public static final long MAX_BIOS_SIZE = 16L << 20;

    /** The least memory of a machine, in bytes. */
    public static final long MIN_RAM = 2L << 20;

    private static final long KVM_PAGES_SIZE = 0x4000;
    private static final int MAX_ADDRESS_BITS = 46;
    private static final long MIB = 1L << 20;
    private static final long PAGE = 4096;
    private static final long HUGE_PAGE = 2L << 20;

    public MemoryLayout {
        ram = List.copyOf(ram);
        e820 = List.copyOf(e820);
    }

    /**
     * @param ramBytes a multiple of 4 KiB
     * @param physicalAddressBits of the guest's CPUs
     * @throws VmmException if the windows collide or RAM does not fit
     */
    public static MemoryLayout of(long ramBytes, PciConfig pci, int physicalAddressBits) {
        pci.validate();
        long limit = 1L << Math.min(physicalAddressBits, MAX_ADDRESS_BITS);
        if (ramBytes < MIN_RAM || ramBytes % PAGE != 0) {
            throw new VmmException("memory size 0x%x: at least 2 MiB and whole pages are needed".formatted(ramBytes));
        }
        PciConfig.Window ecamWish = pci.ecam();
        AddressWindow ecam = ecamWish == null
                ? new AddressWindow(ECAM_START, ECAM_SIZE)
                : new AddressWindow(ecamWish.start(), sizeOr(ecamWish, ECAM_SIZE));
        AddressWindow mmio32 = mmio32(pci.mem(), ecam);
        if (mmio32.overlaps(ecam)) {
            throw new VmmException("pci mem %s overlaps pci ecam %s".formatted(mmio32, ecam));
        }
        if (mmio32.end() > PLATFORM_START || ecam.end() > PLATFORM_START) {
            throw new VmmException("pci windows mem %s and ecam %s must end at 0x%x: interrupt controllers follow"
                    .formatted(mmio32, ecam, PLATFORM_START));
        }
        long gap = Math.min(GAP_START, Math.min(ecam.start(), mmio32.start()));
        List<GuestMemory.Range> ram = new ArrayList<>();
        ram.add(new GuestMemory.Range(0, Math.min(ramBytes, gap)));
        long end = FOUR_GIB;
        if (ramBytes > gap) {
            if (ramBytes - gap > limit - FOUR_GIB) {
                throw new VmmException("%d MiB of memory do not fit into %d bits of physical address"
                        .formatted(ramBytes >> 20, physicalAddressBits));
            }
            ram.add(new GuestMemory.Range(FOUR_GIB, ramBytes - gap));
            end += ramBytes - gap;
        }
        long mmio64 = Math.min(limit, (end + HUGE_PAGE - 1) & -HUGE_PAGE);
        return new MemoryLayout(
                ram, ecam, mmio32, new AddressWindow(mmio64, Math.max(0, limit - mmio64)), e820(ram, ecam));
    }

    private static long sizeOr(PciConfig.Window window, long otherwise) {
        Long size = window.size();
        return size == null ? otherwise : size;
    }

    /** As asked for; otherwise from the start of the gap, or from behind the ECAM if that is where the gap starts. */
    private static AddressWindow mmio32(PciConfig.@Nullable Window wish, AddressWindow ecam) {
        long start = wish != null ? wish.start() : ecam.start() <= GAP_START ? ecam.end() : GAP_START;
        long end = start < ecam.start() ? ecam.start() : PLATFORM_START;
        if (wish != null) {
            return wholeMib(wish, start, start + sizeOr(wish, Math.max(MIB, end - start)));
        }
        if (end <= start) {
            throw new VmmException("pci ecam %s leaves no room for PCI memory below 4 GiB".formatted(ecam));
        }
        return new AddressWindow(start, end - start);
    }

    private static AddressWindow wholeMib(PciConfig.Window wish, long start, long end) {
        long first = start + MIB - 1 & -MIB;
        long last = end & -MIB;
        if (last <= first) {
            throw new VmmException("pci mem: start 0x%x, size 0x%x: there is no whole MiB between them"
                    .formatted(wish.start(), end - start));
        }
        return new AddressWindow(first, last - first);
    }

    private static List<E820Entry> e820(List<GuestMemory.Range> ram, AddressWindow ecam) {
        List<E820Entry> map = new ArrayList<>();
        // The MP table is RAM that the guest must not reuse, so it belongs to the reserved hole.
        map.add(new E820Entry(0, MP_TABLE, E820Entry.RAM));
        map.add(new E820Entry(MP_TABLE, HIGH_MEMORY - MP_TABLE, E820Entry.RESERVED));
        map.add(new E820Entry(HIGH_MEMORY, ram.getFirst().size() - HIGH_MEMORY, E820Entry.RAM));
        map.add(new E820Entry(ecam.start(), ecam.size(), E820Entry.RESERVED));
        map.add(new E820Entry(KVM_IDENTITY_MAP, KVM_PAGES_SIZE, E820Entry.RESERVED));
        for (GuestMemory.Range range : ram.subList(1, ram.size())) {
            map.add(new E820Entry(range.address(), range.size(), E820Entry.RAM));
        }
        return map;
    }

    /** Bytes of RAM below the gap, counted from address 0. */
    public long lowRam() {
        return ram.getFirst().size();
    }

    /** Bytes of RAM from 4 GiB up. */
    public long highRam() {
        return ram.size() > 1 ? ram.get(1).size() : 0;
    }
}
