package jcrosvm.hypervisor.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.Fd;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.x86.CpuidLeaf;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.X86Hypervisor;
import jcrosvm.memory.GuestMemory;

/** The opened /dev/kvm. */
final class KvmHypervisor implements X86Hypervisor {
    private static final int MAX_CPUID_ENTRIES = 256;
    static final int CPUID_ENTRY = 40;

    private final Fd fd;
    private final KvmCapabilities capabilities;

    /** @param capabilities of {@code fd}, found sufficient */
    KvmHypervisor(Fd fd, KvmCapabilities capabilities) {
        this.fd = fd;
        this.capabilities = capabilities;
    }

    @Override
    public String name() {
        return "kvm";
    }

    @Override
    public boolean supports(Capability capability) {
        return capabilities.supports(capability);
    }

    @Override
    public int maxVcpus() {
        return capabilities.maxVcpus();
    }

    @Override
    public boolean hasTscDeadline() {
        return capabilities.value(KvmSpec.Cap.KVM_CAP_TSC_DEADLINE_TIMER) > 0;
    }

    /** Most memory slots of one VM. */
    int memorySlots() {
        return capabilities.memorySlots();
    }

    int runPageSize() {
        return fd.ioctl("KVM_GET_VCPU_MMAP_SIZE", KvmSpec.KVM_GET_VCPU_MMAP_SIZE, 0);
    }

    @Override
    public CpuidTable supportedCpuid() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment table = arena.allocate(8 + (long) MAX_CPUID_ENTRIES * CPUID_ENTRY, 8);
            table.set(ValueLayout.JAVA_INT, 0, MAX_CPUID_ENTRIES);
            fd.ioctl("KVM_GET_SUPPORTED_CPUID", KvmSpec.KVM_GET_SUPPORTED_CPUID, table);
            List<CpuidLeaf> leaves = new ArrayList<>();
            for (int i = 0; i < table.get(ValueLayout.JAVA_INT, 0); i++) {
                MemorySegment e = table.asSlice(8 + (long) i * CPUID_ENTRY, CPUID_ENTRY);
                leaves.add(new CpuidLeaf(
                        e.get(ValueLayout.JAVA_INT, 0),
                        e.get(ValueLayout.JAVA_INT, 4),
                        (e.get(ValueLayout.JAVA_INT, 8) & KvmSpec.KVM_CPUID_FLAG_SIGNIFICANT_INDEX) != 0,
                        e.get(ValueLayout.JAVA_INT, 12),
                        e.get(ValueLayout.JAVA_INT, 16),
                        e.get(ValueLayout.JAVA_INT, 20),
                        e.get(ValueLayout.JAVA_INT, 24)));
            }
            return new CpuidTable(leaves);
        }
    }

    /** MSRs whose values make up a vCPU's state. */
    int[] msrIndices() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment list = arena.allocate(4 + 4 * 4096L, 8);
            list.set(ValueLayout.JAVA_INT, 0, 4096);
            fd.ioctl("KVM_GET_MSR_INDEX_LIST", KvmSpec.KVM_GET_MSR_INDEX_LIST, list);
            int[] indices = new int[list.get(ValueLayout.JAVA_INT, 0)];
            MemorySegment.copy(list, ValueLayout.JAVA_INT, 4, indices, 0, indices.length);
            return indices;
        }
    }

    /** A bare VM without interrupt controllers or memory. */
    Fd createVmFd() {
        int r;
        do {
            r = fd.tryIoctl(KvmSpec.KVM_CREATE_VM, 0);
        } while (r == -Errno.EINTR);
        if (r < 0) {
            throw new OsException("cannot create a VM (KVM_CREATE_VM)", -r);
        }
        return Fd.adopt(r);
    }

    @Override
    public KvmVm createVm(GuestMemory memory, IrqChipMode mode) {
        capabilities.require(mode);
        KvmVm vm = new KvmVm(this, createVmFd(), mode);
        try {
            vm.addMeanwhile(memory);
            return vm;
        } catch (RuntimeException | Error e) {
            vm.close();
            throw e;
        }
    }

    @Override
    public void close() {
        fd.close();
    }
}
