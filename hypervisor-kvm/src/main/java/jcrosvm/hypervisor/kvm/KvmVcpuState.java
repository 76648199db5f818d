package jcrosvm.hypervisor.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.hypervisor.x86.CpuidLeaf;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.Msr;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.hypervisor.x86.VcpuState;

/** The get and set ioctls of a vCPU descriptor. */
final class KvmVcpuState {
    private static final int REGS = 144;
    private static final int SREGS = 312;
    private static final int LAPIC = 1024;
    private static final int MSR_ENTRY = 16;

    /** A structure that a snapshot carries without looking inside. Restored in this order. */
    private enum Part {
        XCRS(KvmSpec.KVM_GET_XCRS, KvmSpec.KVM_SET_XCRS, 392),
        XSAVE(KvmSpec.KVM_GET_XSAVE, KvmSpec.KVM_SET_XSAVE, 4096),
        DEBUG_REGISTERS(KvmSpec.KVM_GET_DEBUGREGS, KvmSpec.KVM_SET_DEBUGREGS, 128),
        LOCAL_APIC(KvmSpec.KVM_GET_LAPIC, KvmSpec.KVM_SET_LAPIC, LAPIC),
        MP_STATE(KvmSpec.KVM_GET_MP_STATE, KvmSpec.KVM_SET_MP_STATE, 4),
        EVENTS(KvmSpec.KVM_GET_VCPU_EVENTS, KvmSpec.KVM_SET_VCPU_EVENTS, 64);

        final long get;
        final long set;
        final int size;

        Part(long get, long set, int size) {
            this.get = get;
            this.set = set;
            this.size = size;
        }
    }

    private final Fd fd;
    private final KvmHypervisor kvm;

    KvmVcpuState(Fd fd, KvmHypervisor kvm) {
        this.fd = fd;
        this.kvm = kvm;
    }

    void interrupt(int vector) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocateFrom(ValueLayout.JAVA_INT, vector);
            fd.ioctl("KVM_INTERRUPT", KvmSpec.KVM_INTERRUPT, request);
        }
    }

    Registers registers() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate(REGS, 8);
            fd.ioctl("KVM_GET_REGS", KvmSpec.KVM_GET_REGS, s);
            long[] r = s.toArray(ValueLayout.JAVA_LONG);
            return new Registers(
                    r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14],
                    r[15], r[16], r[17]);
        }
    }

    void registers(Registers r) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocateFrom(
                    ValueLayout.JAVA_LONG,
                    r.rax(),
                    r.rbx(),
                    r.rcx(),
                    r.rdx(),
                    r.rsi(),
                    r.rdi(),
                    r.rsp(),
                    r.rbp(),
                    r.r8(),
                    r.r9(),
                    r.r10(),
                    r.r11(),
                    r.r12(),
                    r.r13(),
                    r.r14(),
                    r.r15(),
                    r.rip(),
                    r.rflags());
            fd.ioctl("KVM_SET_REGS", KvmSpec.KVM_SET_REGS, s);
        }
    }

    SpecialRegisters specialRegisters() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate(SREGS, 8);
            fd.ioctl("KVM_GET_SREGS", KvmSpec.KVM_GET_SREGS, s);
            return SregsLayout.read(s);
        }
    }

    void specialRegisters(SpecialRegisters registers) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate(SREGS, 8);
            // Keeps the pending-interrupt bitmap, which is not part of the record.
            fd.ioctl("KVM_GET_SREGS", KvmSpec.KVM_GET_SREGS, s);
            SregsLayout.write(registers, s);
            fd.ioctl("KVM_SET_SREGS", KvmSpec.KVM_SET_SREGS, s);
        }
    }

    void cpuid(CpuidTable table) {
        List<CpuidLeaf> leaves = table.leaves();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate(8 + (long) leaves.size() * KvmHypervisor.CPUID_ENTRY, 8);
            s.set(ValueLayout.JAVA_INT, 0, leaves.size());
            for (int i = 0; i < leaves.size(); i++) {
                CpuidLeaf leaf = leaves.get(i);
                MemorySegment e = s.asSlice(8 + (long) i * KvmHypervisor.CPUID_ENTRY, KvmHypervisor.CPUID_ENTRY);
                e.set(ValueLayout.JAVA_INT, 0, leaf.leaf());
                e.set(ValueLayout.JAVA_INT, 4, leaf.subleaf());
                e.set(ValueLayout.JAVA_INT, 8, leaf.indexed() ? KvmSpec.KVM_CPUID_FLAG_SIGNIFICANT_INDEX : 0);
                e.set(ValueLayout.JAVA_INT, 12, leaf.eax());
                e.set(ValueLayout.JAVA_INT, 16, leaf.ebx());
                e.set(ValueLayout.JAVA_INT, 20, leaf.ecx());
                e.set(ValueLayout.JAVA_INT, 24, leaf.edx());
            }
            fd.ioctl("KVM_SET_CPUID2", KvmSpec.KVM_SET_CPUID2, s);
        }
    }

    List<Msr> readMsrs(int... indices) {
        List<Msr> values = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate(8 + (long) indices.length * MSR_ENTRY, 8);
            // KVM stops at the first MSR it does not know: go on behind it.
            for (int from = 0; from < indices.length; ) {
                int count = indices.length - from;
                s.set(ValueLayout.JAVA_INT, 0, count);
                for (int i = 0; i < count; i++) {
                    s.set(ValueLayout.JAVA_INT, 8 + (long) i * MSR_ENTRY, indices[from + i]);
                }
                int read = fd.ioctl("KVM_GET_MSRS", KvmSpec.KVM_GET_MSRS, s);
                for (int i = 0; i < read; i++) {
                    values.add(new Msr(indices[from + i], s.get(ValueLayout.JAVA_LONG, 16 + (long) i * MSR_ENTRY)));
                }
                from += read + 1;
            }
        }
        return values;
    }

    /** @param strict whether a refused MSR is an error; otherwise it is left out */
    void writeMsrs(List<Msr> msrs, boolean strict) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate(8 + (long) msrs.size() * MSR_ENTRY, 8);
            for (int from = 0; from < msrs.size(); ) {
                int count = msrs.size() - from;
                s.set(ValueLayout.JAVA_INT, 0, count);
                for (int i = 0; i < count; i++) {
                    s.set(
                            ValueLayout.JAVA_INT,
                            8 + (long) i * MSR_ENTRY,
                            msrs.get(from + i).index());
                    s.set(
                            ValueLayout.JAVA_LONG,
                            16 + (long) i * MSR_ENTRY,
                            msrs.get(from + i).value());
                }
                from += fd.ioctl("KVM_SET_MSRS", KvmSpec.KVM_SET_MSRS, s);
                if (from < msrs.size()) {
                    if (strict) {
                        throw new VmmException("KVM refuses to set MSR 0x"
                                + Integer.toHexString(msrs.get(from).index()) + " to 0x"
                                + Long.toHexString(msrs.get(from).value()));
                    }
                    from++;
                }
            }
        }
    }

    byte[] localApic() {
        return get(Part.LOCAL_APIC);
    }

    void localApic(byte[] registers) {
        set(Part.LOCAL_APIC, registers);
    }

    private byte[] get(Part part) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate(part.size, 8);
            fd.ioctl("get " + part, part.get, s);
            return s.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private void set(Part part, byte[] bytes) {
        if (bytes.length != part.size) {
            throw new IllegalArgumentException(part + " has " + bytes.length + " bytes, not " + part.size);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate(part.size, 8);
            MemorySegment.copy(bytes, 0, s, ValueLayout.JAVA_BYTE, 0, bytes.length);
            fd.ioctl("set " + part, part.set, s);
        }
    }

    VcpuState state() {
        Map<String, byte[]> parts = new LinkedHashMap<>();
        for (Part part : Part.values()) {
            try {
                parts.put(part.name(), get(part));
            } catch (OsException e) {
                // a host without, say, XCRs: nothing to carry
            }
        }
        List<Msr> msrs = readMsrs(kvm.msrIndices());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate((long) msrs.size() * MSR_ENTRY, 8);
            for (int i = 0; i < msrs.size(); i++) {
                s.set(ValueLayout.JAVA_LONG, (long) i * MSR_ENTRY, msrs.get(i).index());
                s.set(
                        ValueLayout.JAVA_LONG,
                        (long) i * MSR_ENTRY + 8,
                        msrs.get(i).value());
            }
            parts.put("MSRS", s.toArray(ValueLayout.JAVA_BYTE));
        }
        return new VcpuState(registers(), specialRegisters(), parts);
    }

    void restore(VcpuState state) {
        specialRegisters(state.specialRegisters());
        registers(state.registers());
        byte[] bytes = state.parts().get("MSRS");
        if (bytes != null) {
            MemorySegment s = MemorySegment.ofArray(bytes);
            List<Msr> msrs = new ArrayList<>();
            for (long at = 0; at + MSR_ENTRY <= bytes.length; at += MSR_ENTRY) {
                msrs.add(new Msr(
                        (int) s.get(ValueLayout.JAVA_LONG_UNALIGNED, at),
                        s.get(ValueLayout.JAVA_LONG_UNALIGNED, at + 8)));
            }
            writeMsrs(msrs, false); // some of the list are read-only
        }
        for (Part part : Part.values()) {
            byte[] value = state.parts().get(part.name());
            if (value != null) {
                set(part, value);
            }
        }
    }
}
