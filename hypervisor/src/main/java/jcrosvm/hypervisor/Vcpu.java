package jcrosvm.hypervisor;

import java.util.OptionalLong;

/**
 * A virtual processor, as far as all architectures agree: registers and state are in the interface of each, such as {@link
 * jcrosvm.hypervisor.x86.X86Vcpu}. All methods but {@link #kick} belong to the thread that runs the vCPU, or to another one
 * while that holds still.
 */
public interface Vcpu extends AutoCloseable {
    /** As given to {@link Vm#createVcpu}. */
    int id();

    /**
     * Runs guest code until something happens that the caller must decide.
     *
     * @param handler carries out the guest's accesses to ports and device memory, on this thread
     * @throws jcrosvm.base.VmmException when the hypervisor cannot run the guest
     */
    VcpuExit run(VcpuExitHandler handler);

    /** Makes {@link #run} return INTERRUPTED soon, or at once when it is next called. From any thread; never lost. */
    void kick();

    /** Tells the guest's watchdogs that it was paused, so that they do not complain. */
    void notifyPaused();

    /**
     * Says when the vCPU stops for a debugger, from the next {@link #run} on; {@link DebugControl#OFF} ends it.
     *
     * @throws jcrosvm.base.VmmException when the processor has no such breakpoints, and nothing changes
     */
    void debug(DebugControl control);

    /**
     * The guest physical address behind a virtual one, by the guest's tables as they are and with the rights of its
     * kernel; empty when none is mapped there. Leaves no trace in the tables.
     */
    OptionalLong translate(long address);

    /** Its registers in one line, for a log. */
    String describe();

    /** Gives back what the host holds for the vCPU; not while {@link #run} runs. A second time does nothing. */
    @Override
    void close();
}
