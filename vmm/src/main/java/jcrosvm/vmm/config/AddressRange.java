package jcrosvm.vmm.config;

import org.jspecify.annotations.Nullable;

/**
 * Guest physical addresses.
 *
 * @param start first address
 * @param size in bytes, or null for the machine's own choice
 */
public record AddressRange(long start, @Nullable Long size) {}
