package jcrosvm.hypervisor.soft;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.EventThread;
import jcrosvm.hypervisor.IoEventAddress;
import jcrosvm.hypervisor.IrqChip;
import jcrosvm.hypervisor.MemorySlot;
import jcrosvm.hypervisor.soft.apic.ApicBus;
import jcrosvm.hypervisor.soft.apic.LocalApic;
import jcrosvm.hypervisor.soft.apic.TimerFdAlarm;
import jcrosvm.hypervisor.soft.apic.Timers;
import jcrosvm.hypervisor.soft.apic.VmClock;
import jcrosvm.hypervisor.soft.cpu.Cpu;
import jcrosvm.hypervisor.soft.interp.DecodeBudget;
import jcrosvm.hypervisor.soft.interp.Msrs;
import jcrosvm.hypervisor.soft.mmu.PhysicalMemory;
import jcrosvm.hypervisor.soft.translate.CodeCache;
import jcrosvm.hypervisor.x86.X86Vcpu;
import jcrosvm.hypervisor.x86.X86Vm;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** A VM of software processors. */
final class SoftVm implements X86Vm {
    /** System property: {@code true} keeps the translator out, to tell its faults from others. */
    private static final String INTERPRET = "jcrosvm.soft.interpret";

    private final GuestMemory memory;
    private final PhysicalMemory slots = new PhysicalMemory();
    private volatile List<MemorySlot> ram = List.of();
    private final @Nullable CodeCache code = Boolean.getBoolean(INTERPRET) ? null : new CodeCache(slots);
    private final DecodeBudget decoded = new DecodeBudget();
    private final IoEvents ioEvents = new IoEvents();
    private final ApicBus bus = new ApicBus();
    private final VmClock time = new VmClock(System::nanoTime);
    private final EventThread thread = new EventThread("soft-events");
    private final TimerFdAlarm alarm;
    private final Timers timers;
    private final FinalHalt finalHalt = new FinalHalt();
    private final SoftIrqChip irqChip = new SoftIrqChip(bus, thread);
    private final List<Integer> ids = new ArrayList<>(); // guarded by this

    SoftVm(GuestMemory memory) {
        this.memory = memory;
        alarm = new TimerFdAlarm(thread, this::timersDue);
        timers = new Timers(time, alarm);
        memory.addWriteListener(slots); // what devices write may be translated code
    }

    /** Maps all regions of guest memory; once, before the VM is used. */
    void mapRam() {
        ram = memory.regions().stream()
                .map(region -> slots.add(region.address(), memory.slice(region.address(), region.size()), false))
                .toList();
    }

    private void timersDue() {
        timers.fireDue();
    }

    GuestMemory memory() {
        return memory;
    }

    IoEvents ioEvents() {
        return ioEvents;
    }

    ApicBus bus() {
        return bus;
    }

    VmClock time() {
        return time;
    }

    Timers timers() {
        return timers;
    }

    FinalHalt finalHalt() {
        return finalHalt;
    }

    /** The parts of a processor that execute guest code. */
    Core core(Cpu cpu, OutsideWorld outside, Msrs msrs, LocalApic apic) {
        return new SoftCore(cpu, slots, outside, msrs, apic, decoded, code);
    }

    @Override
    public X86Vcpu createVcpu(int id) {
        synchronized (this) {
            if (id < 0 || id >= SoftHypervisor.MAX_VCPUS) {
                throw new VmmException("vCPU " + id + ": the software processor allows " + SoftHypervisor.MAX_VCPUS);
            }
            if (ids.contains(id)) {
                throw new IllegalArgumentException("vCPU " + id + " exists");
            }
            ids.add(id);
        }
        return new SoftVcpu(id, this);
    }

    @Override
    public List<MemorySlot> ram() {
        return ram;
    }

    @Override
    public MemorySlot addMemory(long address, MemorySegment host, boolean readOnly) {
        return slots.add(address, host, readOnly);
    }

    @Override
    public void registerIoEvent(IoEventAddress address, EventFd event) {
        ioEvents.add(address, event);
    }

    @Override
    public void unregisterIoEvent(IoEventAddress address, EventFd event) {
        ioEvents.remove(address, event);
    }

    @Override
    public IrqChip irqChip() {
        return irqChip;
    }

    @Override
    public long clock() {
        return time.nanos();
    }

    @Override
    public void clock(long nanos) {
        time.set(nanos);
        timers.clockChanged();
    }

    @Override
    public void clockRuns(boolean on) {
        time.run(on);
        timers.clockChanged();
    }

    @Override
    public void close() {
        thread.close();
        alarm.close();
        memory.removeWriteListener(slots);
        if (code != null) {
            code.close();
        }
    }
}
