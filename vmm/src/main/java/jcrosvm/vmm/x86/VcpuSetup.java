package jcrosvm.vmm.x86;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.boot.EntryState;
import jcrosvm.boot.MemoryLayout;
import jcrosvm.hypervisor.x86.CpuTopology;
import jcrosvm.hypervisor.x86.CpuidLeaf;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.GuestCpuid;
import jcrosvm.hypervisor.x86.Msr;
import jcrosvm.hypervisor.x86.X86Hypervisor;
import jcrosvm.hypervisor.x86.X86Vcpu;
import org.jspecify.annotations.Nullable;

/** The state that firmware would leave in every processor: CPUID, memory types, interrupt pins. */
final class VcpuSetup {
    private static final int LEAF_ADDRESS_SIZES = 0x8000_0008;
    private static final int FALLBACK_ADDRESS_BITS = 36;
    private static final long MISC_ENABLE_FAST_STRING = 1;
    private static final int MTRR_WRITE_BACK = 6;
    private static final int MTRR_UNCACHEABLE = 0;
    private static final int MTRR_ENABLE = 1 << 11;
    private static final int MTRR_VALID = 1 << 11;
    private static final int APIC_LVT_LINT0 = 0x350;
    private static final int APIC_LVT_LINT1 = 0x360;
    private static final int APIC_MODE_NMI = 4;
    private static final int APIC_MODE_EXTINT = 7;

    private final CpuidTable supported;
    private final CpuTopology topology;
    private final boolean tscDeadline;
    private final boolean nested;
    private final long gapStart;

    VcpuSetup(X86Hypervisor hypervisor, CpuidTable supported, CpuTopology topology, boolean nested, long gapStart) {
        this.supported = supported;
        this.topology = topology;
        this.nested = nested;
        this.gapStart = gapStart;
        tscDeadline = hypervisor.hasTscDeadline();
    }

    /** Width of guest physical addresses. */
    static int addressBits(CpuidTable supported) {
        return supported.find(LEAF_ADDRESS_SIZES, 0).map(CpuidLeaf::eax).orElse(FALLBACK_ADDRESS_BITS) & 0xff;
    }

    /** Prepares all processors; the first one begins at the guest's entry, if it has one. */
    void prepare(List<X86Vcpu> processors, @Nullable EntryState entry) {
        processors.forEach(this::prepare);
        if (entry != null) {
            X86Vcpu first = processors.getFirst();
            first.specialRegisters(entry.specialRegisters());
            first.registers(entry.registers());
        }
    }

    private void prepare(X86Vcpu vcpu) {
        vcpu.cpuid(GuestCpuid.forVcpu(supported, topology, vcpu.id(), tscDeadline, nested));
        vcpu.writeMsrs(initialMsrs(vcpu));
        byte[] apic = vcpu.localApic();
        if (vcpu.id() == 0) {
            lvtMode(apic, APIC_LVT_LINT0, APIC_MODE_EXTINT);
        }
        lvtMode(apic, APIC_LVT_LINT1, APIC_MODE_NMI);
        vcpu.localApic(apic);
    }

    // Delivery mode in bits 8 to 10; everything else zero: edge, active high, not masked.
    private static void lvtMode(byte[] apic, int register, int mode) {
        apic[register] = 0;
        apic[register + 1] = (byte) mode;
        apic[register + 2] = 0;
        apic[register + 3] = 0;
    }

    /** Memory is write-back but for the gap below 4 GiB, which devices answer (SDM volume 3, 12.11). */
    private List<Msr> initialMsrs(X86Vcpu vcpu) {
        List<Msr> msrs = new ArrayList<>();
        msrs.add(new Msr(Msr.MISC_ENABLE, MISC_ENABLE_FAST_STRING));
        msrs.add(new Msr(Msr.MTRR_DEF_TYPE, MTRR_ENABLE | MTRR_WRITE_BACK));
        List<Msr> capability = vcpu.readMsrs(Msr.MTRR_CAP);
        int available = capability.isEmpty() ? 0 : (int) capability.getFirst().value() & 0xff;
        long mask = (1L << addressBits(supported)) - 1;
        int register = 0;
        for (long at = gapStart; at < MemoryLayout.FOUR_GIB && register < available; register++) {
            long size = Math.min(Long.lowestOneBit(at), Long.highestOneBit(MemoryLayout.FOUR_GIB - at));
            msrs.add(new Msr(Msr.MTRR_PHYS_BASE0 + 2 * register, at | MTRR_UNCACHEABLE));
            msrs.add(new Msr(Msr.MTRR_PHYS_BASE0 + 2 * register + 1, (-size & mask) | MTRR_VALID));
            at += size;
        }
        return msrs;
    }
}
