package jcrosvm.hypervisor.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.OptionalLong;
import jcrosvm.base.Errno;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Mapping;
import jcrosvm.base.io.ThreadKick;
import jcrosvm.hypervisor.DebugControl;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.Msr;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.hypervisor.x86.VcpuState;
import jcrosvm.hypervisor.x86.X86Vcpu;
import org.jspecify.annotations.Nullable;

/**
 * A vCPU descriptor of KVM and the page it shares with the kernel.
 *
 * <p>A kick sets immediate_exit, then sends a signal: the first stops a vCPU that is about to enter the guest, the second
 * one that is inside.
 */
final class KvmVcpu implements X86Vcpu {
    private final int id;
    private final Fd fd;
    private final KvmVcpuState stateAccess;
    private final KvmDebug debug;
    private final boolean split;
    private final Runnable ready;
    private final Mapping mapping;
    private final MemorySegment page;
    private final Object kickLock = new Object();

    private volatile boolean kicked; // since run() returned INTERRUPTED
    private @Nullable ThreadKick thread; // guarded by kickLock
    private boolean closed; // guarded by kickLock
    private @Nullable Thread owner; // whom `thread` belongs to; only that one looks

    /** @param ready returns when the VM is complete; called before the first run and before memory is read */
    KvmVcpu(int id, Fd fd, KvmHypervisor kvm, boolean split, Runnable ready) {
        this.id = id;
        this.fd = fd;
        this.split = split;
        this.ready = ready;
        try {
            mapping = Mapping.shared(fd, 0, kvm.runPageSize());
        } catch (RuntimeException e) {
            fd.close();
            throw e;
        }
        page = mapping.segment();
        stateAccess = new KvmVcpuState(fd, kvm);
        debug = new KvmDebug(fd);
    }

    @Override
    public int id() {
        return id;
    }

    @Override
    public VcpuExit run(VcpuExitHandler handler) {
        if (owner != Thread.currentThread()) {
            attach();
        }
        VcpuExit end;
        do {
            end = runOnce(handler);
        } while (end == null);
        return end;
    }

    /** One entry and exit. A method of its own, so that it is compiled after some calls, not after a long loop. */
    private @Nullable VcpuExit runOnce(VcpuExitHandler handler) {
        if (split) {
            offerInterrupt(handler);
        }
        int r = fd.tryIoctl(KvmSpec.KVM_RUN, 0);
        if (r < 0) {
            return notRun(-r);
        }
        return exit(handler);
    }

    private @Nullable VcpuExit exit(VcpuExitHandler handler) {
        int reason = page.get(ValueLayout.JAVA_INT, KvmRunPage.EXIT_REASON);
        switch (reason) {
            case KvmSpec.KVM_EXIT_IO -> {
                portAccess(handler);
                return debug.isStepping() ? stepOverAccess(handler) : null;
            }
            case KvmSpec.KVM_EXIT_MMIO -> {
                memoryAccess(handler);
                return debug.isStepping() ? stepOverAccess(handler) : null;
            }
            case KvmSpec.KVM_EXIT_IOAPIC_EOI ->
                handler.endOfInterrupt(page.get(ValueLayout.JAVA_BYTE, KvmRunPage.EOI_VECTOR) & 0xFF);
            case KvmSpec.KVM_EXIT_IRQ_WINDOW_OPEN, KvmSpec.KVM_EXIT_INTR -> {}
            default -> {
                return rareExit(reason);
            }
        }
        return null;
    }

    /** KVM may lose the step over an instruction that a device answers, so it only completes the instruction here. */
    private @Nullable VcpuExit stepOverAccess(VcpuExitHandler handler) {
        page.set(ValueLayout.JAVA_BYTE, KvmRunPage.IMMEDIATE_EXIT, (byte) 1);
        int r = fd.tryIoctl(KvmSpec.KVM_RUN, 0);
        page.set(ValueLayout.JAVA_BYTE, KvmRunPage.IMMEDIATE_EXIT, (byte) 0);
        VarHandle.fullFence();
        if (kicked) {
            page.set(ValueLayout.JAVA_BYTE, KvmRunPage.IMMEDIATE_EXIT, (byte) 1);
        }
        if (r == -Errno.EINTR) {
            return KvmDebug.step(specialRegisters().cs().base() + registers().rip());
        }
        return r < 0 ? notRun(-r) : exit(handler);
    }

    private @Nullable VcpuExit notRun(int errno) {
        return switch (errno) {
            case Errno.EINTR -> {
                kicked = false;
                page.set(ValueLayout.JAVA_BYTE, KvmRunPage.IMMEDIATE_EXIT, (byte) 0);
                VarHandle.fullFence(); // a kick from here on sets it again, for the next run
                yield VcpuExit.INTERRUPTED;
            }
            case Errno.EAGAIN -> null; // a processor that was waiting for its start-up IPI
            default -> new VcpuExit.Failed("KVM_RUN failed with " + Errno.name(errno));
        };
    }

    private void attach() {
        ready.run();
        synchronized (kickLock) {
            thread = ThreadKick.forCurrentThread();
            owner = Thread.currentThread();
        }
    }

    @Override
    public void kick() {
        synchronized (kickLock) {
            if (closed) {
                return;
            }
            kicked = true;
            page.set(ValueLayout.JAVA_BYTE, KvmRunPage.IMMEDIATE_EXIT, (byte) 1);
            VarHandle.fullFence();
            if (thread != null) {
                thread.send();
            }
        }
    }

    private void portAccess(VcpuExitHandler handler) {
        int size = page.get(ValueLayout.JAVA_BYTE, KvmRunPage.IO_SIZE);
        int port = page.get(ValueLayout.JAVA_SHORT, KvmRunPage.IO_PORT) & 0xFFFF;
        long at = page.get(ValueLayout.JAVA_LONG, KvmRunPage.IO_DATA_OFFSET);
        boolean out = page.get(ValueLayout.JAVA_BYTE, KvmRunPage.IO_DIRECTION) != 0;
        // String instructions move several values with one exit.
        for (int i = page.get(ValueLayout.JAVA_INT, KvmRunPage.IO_COUNT); i > 0; i--, at += size) {
            if (out) {
                handler.portWrite(port, size, KvmRunPage.load(page, at, size));
            } else {
                KvmRunPage.store(page, at, size, handler.portRead(port, size));
            }
        }
    }

    private void memoryAccess(VcpuExitHandler handler) {
        long address = page.get(ValueLayout.JAVA_LONG, KvmRunPage.MMIO_ADDRESS);
        int size = page.get(ValueLayout.JAVA_INT, KvmRunPage.MMIO_LENGTH);
        if (page.get(ValueLayout.JAVA_BYTE, KvmRunPage.MMIO_IS_WRITE) != 0) {
            handler.mmioWrite(address, size, KvmRunPage.load(page, KvmRunPage.MMIO_DATA, size));
        } else {
            KvmRunPage.store(page, KvmRunPage.MMIO_DATA, size, handler.mmioRead(address, size));
        }
    }

    /** Delivers the user-space PIC's interrupt, or asks for an exit as soon as the guest can take it. */
    private void offerInterrupt(VcpuExitHandler handler) {
        boolean wanted = handler.externalInterrupt();
        if (wanted && page.get(ValueLayout.JAVA_BYTE, KvmRunPage.READY_FOR_INTERRUPT) != 0) {
            int vector = handler.acknowledgeInterrupt();
            if (vector >= 0) {
                stateAccess.interrupt(vector);
            }
            wanted = handler.externalInterrupt();
        }
        page.set(ValueLayout.JAVA_BYTE, KvmRunPage.REQUEST_INTERRUPT_WINDOW, (byte) (wanted ? 1 : 0));
    }

    private VcpuExit rareExit(int reason) {
        return switch (reason) {
            case KvmSpec.KVM_EXIT_HLT -> VcpuExit.HALT;
            case KvmSpec.KVM_EXIT_SHUTDOWN -> VcpuExit.SHUTDOWN;
            case KvmSpec.KVM_EXIT_DEBUG -> KvmDebug.exit(page);
            case KvmSpec.KVM_EXIT_SYSTEM_EVENT ->
                switch (page.get(ValueLayout.JAVA_INT, KvmRunPage.SYSTEM_EVENT_TYPE)) {
                    case 1 -> new VcpuExit.SystemEvent(VcpuExit.SystemEvent.Kind.SHUTDOWN);
                    case 2 -> new VcpuExit.SystemEvent(VcpuExit.SystemEvent.Kind.RESET);
                    default -> new VcpuExit.SystemEvent(VcpuExit.SystemEvent.Kind.CRASH);
                };
            case KvmSpec.KVM_EXIT_FAIL_ENTRY ->
                new VcpuExit.Failed("the processor refused to enter the guest, reason 0x"
                        + Long.toHexString(page.get(ValueLayout.JAVA_LONG, KvmRunPage.FAIL_REASON)));
            case KvmSpec.KVM_EXIT_INTERNAL_ERROR -> new VcpuExit.Failed(internalError());
            default -> new VcpuExit.Failed("unknown KVM exit reason " + reason);
        };
    }

    private String internalError() {
        int suberror = page.get(ValueLayout.JAVA_INT, KvmRunPage.SUBERROR);
        int count = Math.clamp(page.get(ValueLayout.JAVA_INT, KvmRunPage.SUBERROR_COUNT), 0, 16);
        StringBuilder text = new StringBuilder(
                suberror == 1
                        ? "KVM could not emulate an instruction at rip 0x"
                                + Long.toHexString(registers().rip())
                        : "KVM internal error " + suberror);
        for (int i = 0; i < count; i++) {
            text.append(i == 0 ? ", data 0x" : " 0x")
                    .append(Long.toHexString(page.get(ValueLayout.JAVA_LONG, KvmRunPage.SUBERROR_DATA + 8L * i)));
        }
        return text.toString();
    }

    @Override
    public Registers registers() {
        return stateAccess.registers();
    }

    @Override
    public void registers(Registers registers) {
        stateAccess.registers(registers);
    }

    @Override
    public SpecialRegisters specialRegisters() {
        return stateAccess.specialRegisters();
    }

    @Override
    public void specialRegisters(SpecialRegisters registers) {
        stateAccess.specialRegisters(registers);
    }

    @Override
    public void cpuid(CpuidTable table) {
        stateAccess.cpuid(table);
    }

    @Override
    public List<Msr> readMsrs(int... indices) {
        return stateAccess.readMsrs(indices);
    }

    @Override
    public void writeMsrs(List<Msr> msrs) {
        stateAccess.writeMsrs(msrs, true);
    }

    @Override
    public byte[] localApic() {
        return stateAccess.localApic();
    }

    @Override
    public void localApic(byte[] registers) {
        stateAccess.localApic(registers);
    }

    @Override
    public void notifyPaused() {
        fd.tryIoctl(KvmSpec.KVM_KVMCLOCK_CTRL, 0); // EINVAL: the guest does not use the paravirtual clock
    }

    @Override
    public void debug(DebugControl control) {
        debug.control(control);
    }

    @Override
    public OptionalLong translate(long address) {
        ready.run(); // the guest's tables are in memory that may not have been added yet
        return debug.translate(address);
    }

    /** Takes time off the time stamp counter. A kernel before 5.16 cannot do that: there the counter stays. */
    void turnBack(long nanos) {
        int khz = fd.tryIoctl(KvmSpec.KVM_GET_TSC_KHZ, 0);
        if (khz <= 0) {
            return;
        }
        long ticks = nanos / 1_000_000 * khz + nanos % 1_000_000 * khz / 1_000_000;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment offset = arena.allocate(ValueLayout.JAVA_LONG);
            // struct kvm_device_attr: flags at 0, group 4, attribute 8, address of the value 16
            MemorySegment attribute = arena.allocate(24, 8);
            attribute.set(ValueLayout.JAVA_INT, 4, KvmSpec.KVM_VCPU_TSC_CTRL);
            attribute.set(ValueLayout.JAVA_LONG, 8, KvmSpec.KVM_VCPU_TSC_OFFSET);
            attribute.set(ValueLayout.JAVA_LONG, 16, offset.address());
            if (fd.tryIoctl(KvmSpec.KVM_GET_DEVICE_ATTR, attribute) == 0) {
                offset.set(ValueLayout.JAVA_LONG, 0, offset.get(ValueLayout.JAVA_LONG, 0) - ticks);
                fd.tryIoctl(KvmSpec.KVM_SET_DEVICE_ATTR, attribute);
            }
        }
    }

    @Override
    public VcpuState state() {
        return stateAccess.state();
    }

    @Override
    public void restore(VcpuState state) {
        stateAccess.restore(state);
    }

    @Override
    public void close() {
        synchronized (kickLock) {
            if (!closed) {
                closed = true;
                mapping.unmap(); // the mapping holds the VM alive in the kernel
                fd.close();
            }
        }
    }
}
