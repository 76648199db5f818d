package jcrosvm.vmm.config;

import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;

/** The options of {@code run} that fill a {@link MemoryConfig}. */
public final class MemoryOptions {
    /** {@code --mem}: MiB. */
    public record Mem(long size) {
        public static Mem defaults() {
            return new Mem(MemoryConfig.defaults().sizeMib());
        }
    }

    private static final Option<Mem> MEM = Option.structured(
                    "mem", Mem.class, "[size=]MIB", "Size of the guest's memory in MiB (default 256).")
            .withLetter('m');
    private static final Option<Boolean> HUGEPAGES =
            Option.flag("hugepages", "Advise the host to use huge pages for the guest's memory.");
    private static final Option<Boolean> LOCK_GUEST_MEMORY =
            Option.flag("lock-guest-memory", "Keep the guest's memory in the host's RAM once it was used.");

    public static final Option.Group GROUP = new Option.Group("Memory", List.of(MEM, HUGEPAGES, LOCK_GUEST_MEMORY));

    private MemoryOptions() {}

    static MemoryConfig read(Arguments arguments) {
        Mem mem = arguments.value(MEM);
        return new MemoryConfig(
                mem == null ? MemoryConfig.defaults().sizeMib() : mem.size(),
                arguments.has(HUGEPAGES),
                arguments.has(LOCK_GUEST_MEMORY));
    }
}
