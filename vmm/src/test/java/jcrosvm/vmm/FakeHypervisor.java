package jcrosvm.vmm;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import jcrosvm.base.io.EventFd;
import jcrosvm.hypervisor.DebugControl;
import jcrosvm.hypervisor.Hypervisor;
import jcrosvm.hypervisor.HypervisorProvider;
import jcrosvm.hypervisor.IoEventAddress;
import jcrosvm.hypervisor.IrqChip;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.IrqRoute;
import jcrosvm.hypervisor.MemorySlot;
import jcrosvm.hypervisor.Msi;
import jcrosvm.hypervisor.Vcpu;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.DescriptorTable;
import jcrosvm.hypervisor.x86.Msr;
import jcrosvm.hypervisor.x86.Registers;
import jcrosvm.hypervisor.x86.Segment;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.hypervisor.x86.VcpuState;
import jcrosvm.hypervisor.x86.X86Hypervisor;
import jcrosvm.hypervisor.x86.X86Vcpu;
import jcrosvm.hypervisor.x86.X86Vm;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** A hypervisor whose guests are scripts in Java, and which notes every use that a real one would not survive. */
public final class FakeHypervisor implements X86Hypervisor {
    /** What a vCPU executes. */
    public interface Guest {
        /** The next step; null to go on, otherwise what {@link Vcpu#run} returns. Should be short. */
        VcpuExit step(int vcpu, VcpuExitHandler machine);
    }

    /** What was done to closed things, or by the wrong thread. */
    final Queue<String> misuses = new ConcurrentLinkedQueue<>();

    /** VMs and vCPUs that are open. */
    final AtomicInteger open = new AtomicInteger();

    /** RAM of the VM that was made last. */
    volatile @Nullable GuestMemory memory;

    /** What it cannot do. */
    final Set<Capability> lacking = EnumSet.noneOf(Capability.class);

    private final Guest guest;

    public FakeHypervisor(Guest guest) {
        this.guest = guest;
    }

    HypervisorChoice choice() {
        var availability = new HypervisorProvider.Availability(HypervisorProvider.Availability.Level.NATIVE, "");
        return new HypervisorChoice(
                new HypervisorProvider() {
                    @Override
                    public String name() {
                        return "fake";
                    }

                    @Override
                    public Availability probe(Path device) {
                        return availability;
                    }

                    @Override
                    public Hypervisor open(Path device) {
                        return FakeHypervisor.this;
                    }
                },
                availability);
    }

    private void require(boolean condition, String what) {
        if (!condition) {
            misuses.add(what);
            throw new IllegalStateException(what);
        }
    }

    @Override
    public String name() {
        return "fake";
    }

    @Override
    public boolean supports(Capability capability) {
        return !lacking.contains(capability);
    }

    @Override
    public CpuidTable supportedCpuid() {
        return new CpuidTable(List.of());
    }

    @Override
    public boolean hasTscDeadline() {
        return true;
    }

    @Override
    public int maxVcpus() {
        return 64;
    }

    @Override
    public X86Vm createVm(GuestMemory memory, IrqChipMode mode) {
        this.memory = memory;
        return new FakeVm(mode);
    }

    @Override
    public void close() {
        require(open.get() == 0, "hypervisor closed with " + open + " VMs and vCPUs open");
    }

    private final class FakeVm implements X86Vm, IrqChip {
        private final IrqChipMode mode;
        private volatile boolean closed;

        FakeVm(IrqChipMode mode) {
            this.mode = mode;
            open.incrementAndGet();
        }

        private void use(String what) {
            require(!closed, what + " of a closed VM");
        }

        @Override
        public X86Vcpu createVcpu(int id) {
            use("createVcpu");
            return new FakeVcpu(id);
        }

        @Override
        public List<MemorySlot> ram() {
            use("ram");
            return memory.regions().stream()
                    .<MemorySlot>map(region -> new FakeSlot(region.size()))
                    .toList();
        }

        @Override
        public MemorySlot addMemory(long address, MemorySegment host, boolean readOnly) {
            use("addMemory");
            return new FakeSlot(host.byteSize());
        }

        /** A slot that no vCPU ever writes to. */
        private final class FakeSlot implements MemorySlot {
            private final long size;

            FakeSlot(long size) {
                this.size = size;
            }

            @Override
            public void logDirty(boolean on) {
                use("logDirty");
            }

            @Override
            public long[] dirty() {
                use("dirty");
                return new long[(int) (size / 4096 + 63 >>> 6)];
            }

            @Override
            public void close() {}
        }

        @Override
        public void registerIoEvent(IoEventAddress address, EventFd event) {
            use("registerIoEvent");
        }

        @Override
        public void unregisterIoEvent(IoEventAddress address, EventFd event) {
            use("unregisterIoEvent");
        }

        @Override
        public IrqChip irqChip() {
            return this;
        }

        @Override
        public long clock() {
            use("clock");
            return 1;
        }

        @Override
        public void clock(long nanos) {
            use("clock");
        }

        @Override
        public void clockRuns(boolean on) {
            use("clockRuns");
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                open.decrementAndGet();
            }
        }

        @Override
        public IrqChipMode mode() {
            return mode;
        }

        @Override
        public void routes(List<IrqRoute> routes) {
            use("routes");
        }

        @Override
        public List<IrqRoute> defaultRoutes() {
            return List.of();
        }

        @Override
        public void registerIrqFd(int gsi, EventFd trigger, EventFd resample) {
            use("registerIrqFd");
        }

        @Override
        public void unregisterIrqFd(int gsi, EventFd trigger) {
            use("unregisterIrqFd");
        }

        @Override
        public void line(int gsi, boolean level) {
            use("interrupt line " + gsi);
        }

        @Override
        public void signal(Msi msi) {
            use("MSI");
        }

        @Override
        public byte[] state() {
            use("state");
            return new byte[0];
        }

        @Override
        public void restore(byte[] state) {
            use("restore");
        }
    }

    private final class FakeVcpu implements X86Vcpu {
        private final int id;
        private final AtomicReference<Thread> runner = new AtomicReference<>();
        private volatile boolean kicked;
        private volatile boolean closed;
        private volatile Thread thread;

        FakeVcpu(int id) {
            this.id = id;
            open.incrementAndGet();
        }

        private void use(String what) {
            require(!closed, what + " of a closed vCPU");
            Thread other = runner.get();
            require(other == null || other == Thread.currentThread(), what + " of a vCPU that runs");
        }

        @Override
        public int id() {
            return id;
        }

        @Override
        public VcpuExit run(VcpuExitHandler handler) {
            use("run");
            thread = Thread.currentThread();
            runner.set(thread);
            try {
                while (!kicked) {
                    VcpuExit exit = guest.step(id, handler);
                    if (exit != null) {
                        return exit;
                    }
                }
                kicked = false;
                return VcpuExit.INTERRUPTED;
            } finally {
                runner.set(null);
            }
        }

        @Override
        public void kick() {
            kicked = true;
            LockSupport.unpark(thread);
        }

        @Override
        public Registers registers() {
            use("registers");
            return Registers.entry(0, 0, 0);
        }

        @Override
        public void registers(Registers registers) {
            use("registers");
        }

        @Override
        public SpecialRegisters specialRegisters() {
            use("specialRegisters");
            Segment flat = Segment.flat(0, Segment.DATA, false);
            DescriptorTable none = new DescriptorTable(0, 0);
            return new SpecialRegisters(
                    flat, flat, flat, flat, flat, flat, flat, flat, none, none, 0, 0, 0, 0, 0, 0, 0);
        }

        @Override
        public void specialRegisters(SpecialRegisters registers) {
            use("specialRegisters");
        }

        @Override
        public void cpuid(CpuidTable table) {
            use("cpuid");
        }

        @Override
        public List<Msr> readMsrs(int... indices) {
            use("readMsrs");
            return List.of();
        }

        @Override
        public void writeMsrs(List<Msr> msrs) {
            use("writeMsrs");
        }

        @Override
        public byte[] localApic() {
            use("localApic");
            return new byte[1024];
        }

        @Override
        public void localApic(byte[] registers) {
            use("localApic");
        }

        @Override
        public void debug(DebugControl control) {
            use("debug");
        }

        @Override
        public OptionalLong translate(long address) {
            use("translate");
            return OptionalLong.of(address);
        }

        @Override
        public void notifyPaused() {
            use("notifyPaused");
        }

        @Override
        public VcpuState state() {
            use("state");
            return new VcpuState(registers(), specialRegisters(), Map.of());
        }

        @Override
        public void restore(VcpuState state) {
            use("restore");
        }

        @Override
        public void close() {
            if (!closed) {
                use("close");
                closed = true;
                open.decrementAndGet();
            }
        }
    }
}
