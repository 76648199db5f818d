package jcrosvm.hypervisor;

/** Why {@link Vcpu#run} returned. */
public sealed interface VcpuExit {
    /** {@link Vcpu#kick} was called; look at your requests and run again. */
    record Interrupted() implements VcpuExit {}

    /** HLT without an interrupt controller to wake it. */
    record Halt() implements VcpuExit {}

    /**
     * Triple fault or an equally final state.
     *
     * @param reason one clause: what is known of how it came about
     */
    record Shutdown(String reason) implements VcpuExit {}

    /** The guest asked the hypervisor itself for a power transition. */
    record SystemEvent(Kind kind) implements VcpuExit {
        /** Kinds of {@link SystemEvent}. */
        public enum Kind {
            SHUTDOWN,
            RESET,
            CRASH
        }
    }

    /** Single step or breakpoint under a debugger. */
    record Debug(long rip, long dr6) implements VcpuExit {}

    /** The guest cannot go on: entry refused, or an instruction that could not be emulated. */
    record Failed(String reason) implements VcpuExit {}

    VcpuExit INTERRUPTED = new Interrupted();
    VcpuExit HALT = new Halt();
    VcpuExit SHUTDOWN = new Shutdown("triple fault");
}
