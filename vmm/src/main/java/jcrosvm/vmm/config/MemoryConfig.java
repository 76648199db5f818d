package jcrosvm.vmm.config;

/**
 * Guest RAM.
 *
 * @param sizeMib in MiB
 * @param hugepages advise transparent huge pages
 * @param locked keep it in host RAM (mlock on fault)
 */
public record MemoryConfig(long sizeMib, boolean hugepages, boolean locked) {
    public static MemoryConfig defaults() {
        return new MemoryConfig(256, false, false);
    }

    public long sizeBytes() {
        return sizeMib << 20;
    }
}
