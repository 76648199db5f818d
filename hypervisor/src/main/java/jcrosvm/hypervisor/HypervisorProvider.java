package jcrosvm.hypervisor;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Makes one kind of hypervisor, found by {@link java.util.ServiceLoader}. */
public interface HypervisorProvider {
    /** The word after {@code --hypervisor}. */
    String name();

    /** Whether it can be used on this host, and how well; may run a guest for some milliseconds. Never throws. */
    Availability probe(@Nullable Path device);

    /** The same as far as it is known without running a guest: for a user that wants this hypervisor, however good it is. */
    default Availability expect(@Nullable Path device) {
        return probe(device);
    }

    /**
     * Opens it.
     *
     * @param device the host device to use instead of the usual one
     * @throws jcrosvm.base.VmmException saying what is missing and what to do
     */
    Hypervisor open(@Nullable Path device);

    /**
     * Result of a probe.
     *
     * @param reason one clause for the user: why it is unusable or slow, or what it is
     */
    record Availability(Level level, String reason) {
        /** From worst to best. */
        public enum Level {
            /** Cannot be opened. */
            MISSING,
            /** Works, but interprets guest code: too slow for an operating system. */
            INTERPRETED,
            /** Guest code is translated to the host's: fast enough, but slower than the processor. */
            TRANSLATED,
            /** Guest code runs on the processor. */
            NATIVE
        }
    }
}
