package jcrosvm.hypervisor.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.hypervisor.IoEventAddress;
import jcrosvm.hypervisor.IrqChip;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.Vm;
import org.jspecify.annotations.Nullable;

/** A VM descriptor of KVM. */
final class KvmVm implements Vm {
    // Where crosvm puts them: below the local APIC's neighbourhood, out of RAM's way. Only Intel hosts touch them.
    private static final long IDENTITY_MAP_ADDRESS = 0xFEFF_C000L;
    private static final long TSS_ADDRESS = 0xFEFF_D000L;

    private record Slot(long address, MemorySegment host, boolean readOnly, boolean logDirty) {}

    private final KvmHypervisor kvm;
    private final Fd fd;
    private final @Nullable KvmIrqChip irqChip;
    private final Map<Integer, Slot> slots = new HashMap<>();

    /** @param mode null leaves all interrupt controllers out, so that HLT exits */
    KvmVm(KvmHypervisor kvm, Fd fd, @Nullable IrqChipMode mode) {
        this.kvm = kvm;
        this.fd = fd;
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
        return new KvmVcpu(id, Fd.adopt(r), kvm, irqChip != null && irqChip.mode() == IrqChipMode.SPLIT);
    }

    @Override
    public synchronized void addMemory(int slot, long address, MemorySegment host, boolean readOnly) {
        if (slots.containsKey(slot)) {
            throw new IllegalArgumentException("memory slot " + slot + " is in use");
        }
        Slot added = new Slot(address, host, readOnly, false);
        region(slot, added, host.byteSize());
        slots.put(slot, added);
    }

    @Override
    public synchronized void removeMemory(int slot) {
        Slot removed = slots.remove(slot);
        if (removed == null) {
            throw new IllegalArgumentException("no memory slot " + slot);
        }
        region(slot, removed, 0);
    }

    @Override
    public synchronized void logDirty(int slot, boolean on) {
        Slot old = slot(slot);
        Slot changed = new Slot(old.address, old.host, old.readOnly, on);
        region(slot, changed, old.host.byteSize());
        slots.put(slot, changed);
    }

    private Slot slot(int number) {
        Slot slot = slots.get(number);
        if (slot == null) {
            throw new IllegalArgumentException("no memory slot " + number);
        }
        return slot;
    }

    private void region(int number, Slot slot, long size) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment region = arena.allocate(32, 8);
            int flags = (slot.logDirty ? KvmSpec.KVM_MEM_LOG_DIRTY_PAGES : 0)
                    | (slot.readOnly ? KvmSpec.KVM_MEM_READONLY : 0);
            region.set(ValueLayout.JAVA_INT, 0, number);
            region.set(ValueLayout.JAVA_INT, 4, flags);
            region.set(ValueLayout.JAVA_LONG, 8, slot.address);
            region.set(ValueLayout.JAVA_LONG, 16, size);
            region.set(ValueLayout.JAVA_LONG, 24, slot.host.address());
            fd.ioctl("KVM_SET_USER_MEMORY_REGION", KvmSpec.KVM_SET_USER_MEMORY_REGION, region);
        }
    }

    @Override
    public synchronized long[] dirtyLog(int slot) {
        long pages = slot(slot).host.byteSize() / 4096;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bitmap = arena.allocate((pages + 63) / 64 * 8, 8);
            MemorySegment request = arena.allocate(16, 8);
            request.set(ValueLayout.JAVA_INT, 0, slot);
            request.set(ValueLayout.JAVA_LONG, 8, bitmap.address());
            fd.ioctl("KVM_GET_DIRTY_LOG", KvmSpec.KVM_GET_DIRTY_LOG, request);
            return bitmap.toArray(ValueLayout.JAVA_LONG);
        }
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

    @Override
    public void close() {
        // The kernel takes milliseconds, mostly waiting, to take a VM apart: no caller needs to wait for that too.
        if (fd.isOpen()) {
            Thread.ofPlatform().name("kvm-close").daemon().start(fd::close);
        }
    }
}
