package jcrosvm.hypervisor.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.hypervisor.IoEventAddress;
import jcrosvm.hypervisor.IrqChip;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.MemorySlot;
import jcrosvm.hypervisor.x86.X86Vm;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** A VM descriptor of KVM. */
final class KvmVm implements X86Vm {
    // Where crosvm puts them: below the local APIC's neighbourhood, out of RAM's way. Only Intel hosts touch them.
    private static final long IDENTITY_MAP_ADDRESS = 0xFEFF_C000L;
    private static final long TSS_ADDRESS = 0xFEFF_D000L;

    private final KvmHypervisor kvm;
    private final Fd fd;
    private final @Nullable KvmIrqChip irqChip;
    private final KvmMemory memory;
    private final List<KvmVcpu> vcpus = new CopyOnWriteArrayList<>();
    private long stoppedAt = -1; // guarded by this

    /** @param mode null leaves all interrupt controllers out, so that HLT exits */
    KvmVm(KvmHypervisor kvm, Fd fd, @Nullable IrqChipMode mode) {
        this.kvm = kvm;
        this.fd = fd;
        memory = new KvmMemory(fd, kvm.memorySlots());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = arena.allocateFrom(ValueLayout.JAVA_LONG, IDENTITY_MAP_ADDRESS);
            fd.ioctl("KVM_SET_IDENTITY_MAP_ADDR", KvmSpec.KVM_SET_IDENTITY_MAP_ADDR, address);
            fd.ioctl("KVM_SET_TSS_ADDR", KvmSpec.KVM_SET_TSS_ADDR, TSS_ADDRESS);
            irqChip = mode == null ? null : new KvmIrqChip(fd, mode);
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
    }

    @Override
    public KvmVcpu createVcpu(int id) {
        int r = fd.tryIoctl(KvmSpec.KVM_CREATE_VCPU, id);
        if (r < 0) {
            throw r == -Errno.EINVAL
                    ? new VmmException("KVM refuses vCPU " + id + ": this host allows " + kvm.maxVcpus())
                    : new OsException("cannot create vCPU " + id, -r);
        }
        boolean isSplit = irqChip != null && irqChip.mode() == IrqChipMode.SPLIT;
        KvmVcpu vcpu = new KvmVcpu(id, Fd.adopt(r), kvm, isSplit, memory::ram);
        vcpus.add(vcpu);
        return vcpu;
    }

    /** Adds RAM while the caller goes on; vCPUs wait for it before they run. */
    void addMeanwhile(GuestMemory ram) {
        memory.addMeanwhile(ram);
    }

    @Override
    public List<MemorySlot> ram() {
        return memory.ram();
    }

    @Override
    public MemorySlot addMemory(long address, MemorySegment host, boolean readOnly) {
        return memory.add(address, host, readOnly);
    }

    @Override
    public void registerIoEvent(IoEventAddress address, EventFd event) {
        ioEvent(address, event, 0);
    }

    @Override
    public void unregisterIoEvent(IoEventAddress address, EventFd event) {
        ioEvent(address, event, KvmSpec.KVM_IOEVENTFD_FLAG_DEASSIGN);
    }

    private void ioEvent(IoEventAddress address, EventFd event, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(64, 8);
            int all = flags
                    | (address.portIo() ? KvmSpec.KVM_IOEVENTFD_FLAG_PIO : 0)
                    | (address.match().isPresent() ? KvmSpec.KVM_IOEVENTFD_FLAG_DATAMATCH : 0);
            request.set(ValueLayout.JAVA_LONG, 0, address.match().orElse(0));
            request.set(ValueLayout.JAVA_LONG, 8, address.address());
            request.set(ValueLayout.JAVA_INT, 16, address.size());
            request.set(ValueLayout.JAVA_INT, 20, event.fd().number());
            request.set(ValueLayout.JAVA_INT, 24, all);
            fd.ioctl("KVM_IOEVENTFD", KvmSpec.KVM_IOEVENTFD, request);
        }
    }

    @Override
    public IrqChip irqChip() {
        return Objects.requireNonNull(irqChip, "a VM without interrupt controllers");
    }

    // struct kvm_clock_data: clock at 0, 48 bytes
    @Override
    public long clock() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(48, 8);
            fd.ioctl("KVM_GET_CLOCK", KvmSpec.KVM_GET_CLOCK, data);
            return data.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    @Override
    public void clock(long nanos) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(48, 8);
            data.set(ValueLayout.JAVA_LONG, 0, nanos);
            fd.ioctl("KVM_SET_CLOCK", KvmSpec.KVM_SET_CLOCK, data);
        }
    }

    // KVM's clocks cannot stand still: they are turned back when they go on.
    @Override
    public synchronized void clockRuns(boolean on) {
        if (on && stoppedAt >= 0) {
            long nanos = clock() - stoppedAt;
            vcpus.forEach(vcpu -> vcpu.turnBack(nanos));
            clock(stoppedAt);
            stoppedAt = -1;
        } else if (!on && stoppedAt < 0) {
            stoppedAt = clock();
        }
    }

    @Override
    public void close() {
        if (!fd.isOpen()) {
            return;
        }
        try {
            memory.ram(); // its thread uses the descriptor, and memory that the caller is about to give back
        } catch (RuntimeException e) {
            // told to the vCPU that wanted to run; now it only matters that the thread has ended
        } finally {
            memory.end();
            // The kernel takes milliseconds, mostly waiting, to take a VM apart: no caller needs to wait for that too.
            ThreadScope.current().start("kvm-close", fd::close);
        }
    }
}
