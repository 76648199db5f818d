package jcrosvm.vmm.config;

import java.nio.file.Path;
import jcrosvm.hypervisor.IrqChipMode;
import org.jspecify.annotations.Nullable;

/**
 * What runs the guest's code.
 *
 * @param kind a {@link jcrosvm.hypervisor.HypervisorProvider#name}, or {@link #AUTO}
 * @param device host device to use instead of the usual one, such as {@code /dev/kvm}
 * @param irqChip where PIC, PIT and IOAPIC are emulated; null leaves it to what the hypervisor can do
 */
public record HypervisorConfig(
        String kind, @Nullable Path device, @Nullable IrqChipMode irqChip) {
    /** The best one that works on this host. */
    public static final String AUTO = "auto";

    /** The software processor. */
    public static final String SOFT = "soft";

    public static HypervisorConfig defaults() {
        return new HypervisorConfig(AUTO, null, null);
    }
}
