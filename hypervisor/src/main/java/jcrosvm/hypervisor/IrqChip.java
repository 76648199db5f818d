package jcrosvm.hypervisor;

import java.util.List;
import jcrosvm.base.io.EventFd;
import org.jspecify.annotations.Nullable;

/** The interrupt side of a VM. Thread-safe. */
public interface IrqChip {
    IrqChipMode mode();

    /**
     * Replaces the whole routing table of global system interrupts. In {@link IrqChipMode#KERNEL}, the lines start out
     * with {@link #defaultRoutes}, which must be included again; in SPLIT, only routes of messages exist.
     */
    void routes(List<IrqRoute> routes);

    /** The default table of this mode. */
    List<IrqRoute> defaultRoutes();

    /**
     * Raises {@code gsi} whenever {@code trigger} is signalled. With {@code resample}, the line stays up until the guest
     * ends the interrupt; then {@code resample} is signalled (KERNEL only).
     */
    void registerIrqFd(int gsi, EventFd trigger, @Nullable EventFd resample);

    void unregisterIrqFd(int gsi, EventFd trigger);

    /** Sets the level of an interrupt line (KERNEL only). */
    void line(int gsi, boolean level);

    /** Sends a message-signalled interrupt now. */
    void signal(Msi msi);

    /** The interrupt controllers' state that is not a vCPU's, opaque to all but the hypervisor that made it. */
    byte[] state();

    void restore(byte[] state);
}
