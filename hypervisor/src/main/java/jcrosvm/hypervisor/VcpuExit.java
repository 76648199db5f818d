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

    /**
     * A stop that {@link DebugControl} asks for. The vCPU can be run again; at a breakpoint that stops it before its
     * instruction, it stops again unless the breakpoint has gone.
     *
     * @param address virtual, of the instruction that comes next
     * @param breakpoint which of the control's breakpoints, or {@link #NO_BREAKPOINT}
     */
    record Debug(Cause cause, long address, int breakpoint) implements VcpuExit {
        public static final int NO_BREAKPOINT = -1;

        /** Why it stops. */
        public enum Cause {
            STEP,
            /** Of the hardware. */
            BREAKPOINT,
            /** A breakpoint instruction, which has not been executed. */
            SOFTWARE_BREAKPOINT
        }
    }

    /** The guest cannot go on: entry refused, or an instruction that could not be emulated. */
    record Failed(String reason) implements VcpuExit {}

    VcpuExit INTERRUPTED = new Interrupted();
    VcpuExit HALT = new Halt();
    VcpuExit SHUTDOWN = new Shutdown("triple fault");
}
