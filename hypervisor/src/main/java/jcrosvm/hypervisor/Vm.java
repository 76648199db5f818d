package jcrosvm.hypervisor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import jcrosvm.base.io.EventFd;

/** A virtual machine: memory slots, vCPUs, events, clock. Thread-safe except where said. */
public interface Vm extends AutoCloseable {
    /**
     * A vCPU, each created once, before any runs; {@link Vcpu#run} belongs to one thread.
     *
     * @param id how interrupts address it; what it is made of is the architecture's matter
     */
    Vcpu createVcpu(int id);

    /** The slots of the regions that guest memory had when the VM was created, in their order. */
    List<MemorySlot> ram();

    /**
     * Maps host memory into the guest.
     *
     * @param address guest physical, page-aligned
     * @param host page-aligned mapping of whole pages, which the VM keeps reachable while the slot exists
     * @param readOnly guest writes exit as MMIO
     * @throws IllegalArgumentException when the range is not of whole pages or overlaps another slot
     * @throws jcrosvm.base.VmmException when the hypervisor has no more slots; the message says how many it has
     */
    MemorySlot addMemory(long address, MemorySegment host, boolean readOnly);

    /** Signals {@code event} instead of exiting when a vCPU writes to {@code address}. */
    void registerIoEvent(IoEventAddress address, EventFd event);

    void unregisterIoEvent(IoEventAddress address, EventFd event);

    /** Interrupt routing and injection. */
    IrqChip irqChip();

    /** Nanoseconds of the guest's paravirtual clock. */
    long clock();

    void clock(long nanos);

    /**
     * Stops the guest's paravirtual clock and its processors' counters of time, or lets them go on from where they
     * stopped; twice is harmless. Only while no vCPU runs.
     */
    void clockRuns(boolean on);

    /** Ends the VM. No vCPU may be running. */
    @Override
    void close();
}
