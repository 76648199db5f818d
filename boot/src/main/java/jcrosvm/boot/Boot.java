package jcrosvm.boot;

import jcrosvm.base.VmmException;
import jcrosvm.memory.GuestMemory;

/** Fills guest memory with everything that a guest starts from. */
public final class Boot {
    private Boot() {}

    /**
     * Loads the kernel or firmware and writes the tables. Memory must be zero except for what an earlier call with the
     * same arguments left.
     *
     * @param memory backing exactly {@link MemoryLayout#ram()}
     * @throws VmmException if a file cannot be used; memory is then in no defined state
     */
    public static LoadedGuest load(GuestMemory memory, MemoryLayout layout, Hardware hardware, BootConfig config) {
        config.validate();
        throw new VmmException("no loader for this image");
    }
}
