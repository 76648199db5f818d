package jcrosvm.boot;

/**
 * One entry of the memory map that a guest is given.
 *
 * @param type as ACPI 6.3 table 15-374 numbers address range types
 */
public record E820Entry(long address, long size, int type) {
    public static final int RAM = 1;
    public static final int RESERVED = 2;
}
