package jcrosvm.hypervisor.soft;

import java.util.OptionalLong;
import jcrosvm.hypervisor.DebugControl;
import jcrosvm.hypervisor.VcpuExit;
import jcrosvm.hypervisor.soft.cpu.GuestException;
import org.jspecify.annotations.Nullable;

/** What {@link RunLoop} needs of the parts that execute guest code; all on the processor's thread. */
interface Core {
    /** Executes until something is pending; throws {@link GuestException} for a fault. */
    void run();

    /** Executes one instruction. */
    void step();

    /** Delivers a fault: false for a triple fault. */
    boolean exception(GuestException fault);

    /** Delivers an external interrupt: false for a triple fault. */
    boolean interrupt(int vector);

    /** Delivers an NMI: false for a triple fault. */
    boolean nmi();

    /** Where the processor is and what stands there, for a message. */
    String place();

    /** What led to the triple fault. */
    String shutdownReason();

    /** Another processor waits for this one to stand still or to drop what it knows of memory. */
    void coherence();

    /** Before guest code and memory are touched: waits while others need the processor to stand still. */
    void enter();

    /** Before sleeping and returning: others need not wait for the processor meanwhile. */
    void leave();

    /** Says when a debugger outside the guest wants a stop. */
    void debug(DebugControl control);

    /** A stop that a debugger asked for and that is due, once; or null. */
    VcpuExit.@Nullable Debug stop();

    /** The physical address behind a linear one, for a debugger; empty when there is none. */
    OptionalLong translate(long linear);

    /** The registers were all replaced. */
    void stateChanged();

    void close();
}
