package jcrosvm.boot;

/**
 * Firmware to be mapped read-only.
 *
 * @param address guest physical address; the ROM ends at 4 GiB
 * @param content a multiple of 4 KiB
 */
public record Rom(long address, byte[] content) {}
