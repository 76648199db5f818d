package jcrosvm.hypervisor;

/**
 * A virtual processor, as far as all architectures agree: registers and state are in the interface of each, such as {@link
 * jcrosvm.hypervisor.x86.X86Vcpu}. All methods but {@link #kick} belong to the thread that runs the vCPU, or to the one
 * that set it up before that thread started.
 */
public interface Vcpu extends AutoCloseable {
    /** As given to {@link Vm#createVcpu}. */
    int id();

    /** Runs guest code until something happens that the caller must decide. */
    VcpuExit run(VcpuExitHandler handler);

    /** Makes {@link #run} return INTERRUPTED soon, or at once when it is next called. From any thread; never lost. */
    void kick();

    /** Tells the guest's watchdogs that it was paused, so that they do not complain. */
    void notifyPaused();

    /** Its registers in one line, for a log. */
    String describe();

    @Override
    void close();
}
