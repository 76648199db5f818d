package jcrosvm.hypervisor;

import java.lang.foreign.MemorySegment;
import jcrosvm.base.io.EventFd;

/** A virtual machine: memory slots, vCPUs, events, clock. Thread-safe except where said. */
public interface Vm extends AutoCloseable {
    /** The vCPU with this APIC id. Created once each, before any runs; {@link Vcpu#run} belongs to one thread. */
    Vcpu createVcpu(int id);

    /**
     * Maps host memory into the guest.
     *
     * @param slot unused number
     * @param address guest physical, page-aligned
     * @param host page-aligned mapping that stays reachable while the slot exists
     * @param readOnly guest writes exit as MMIO
     */
    void addMemory(int slot, long address, MemorySegment host, boolean readOnly);

    /** Unmaps a slot; accesses exit as MMIO from then on. */
    void removeMemory(int slot);

    /** Starts or stops logging the pages of a slot that vCPUs write. */
    void logDirty(int slot, boolean on);

    /** Pages written since the last call, one bit each from the slot's first page on, and clears the log. */
    long[] dirtyLog(int slot);

    /** Signals {@code event} instead of exiting when a vCPU writes to {@code address}. */
    void registerIoEvent(IoEventAddress address, EventFd event);

    void unregisterIoEvent(IoEventAddress address, EventFd event);

    /** Interrupt routing and injection. */
    IrqChip irqChip();

    /** Nanoseconds of the guest's paravirtual clock. */
    long clock();

    void clock(long nanos);

    /**
     * Stops the guest's paravirtual clock and its processors' time stamp counters, or lets them go on from where they
     * stopped; twice is harmless. Only while no vCPU runs.
     */
    void clockRuns(boolean on);

    /** Ends the VM. No vCPU may be running. */
    @Override
    void close();
}
