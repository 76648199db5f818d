package jcrosvm.hypervisor;

import java.util.List;

/**
 * When a vCPU stops for a debugger outside the guest, with {@link VcpuExit.Debug}. The guest's own use of its debugging
 * hardware may suffer meanwhile.
 *
 * @param singleStep after each instruction; an interrupt or exception on the way leads into its handler
 * @param softwareBreakpoints at each breakpoint instruction, the guest's own too, instead of executing it
 * @param breakpoints of the processor's hardware
 */
public record DebugControl(boolean singleStep, boolean softwareBreakpoints, List<Breakpoint> breakpoints) {
    /** The guest runs by itself. */
    public static final DebugControl OFF = new DebugControl(false, false, List.of());

    /** One instruction, then a stop. */
    public static final DebugControl STEP = new DebugControl(true, false, List.of());

    /** A breakpoint of the processor's hardware. */
    public enum Kind {
        /** Before the instruction at the address is executed; of length 1. */
        EXECUTE,
        /** After an instruction that writes there. */
        WRITE,
        /** After an instruction that reads or writes there. */
        ACCESS
    }

    /**
     * Where a vCPU stops.
     *
     * @param address virtual, before translation
     * @param length in bytes
     */
    public record Breakpoint(Kind kind, long address, int length) {}

    public DebugControl {
        breakpoints = List.copyOf(breakpoints);
    }
}
