package jcrosvm.hypervisor.soft.mmu;

/**
 * What lies beyond the processor and RAM: ports, devices in memory, its own local APIC. Called on the processor's
 * thread. Sizes are 1, 2 and 4, for memory also 8; values are zero-extended.
 */
public interface Outside {
    long portRead(int port, int size);

    void portWrite(int port, int size, long value);

    long mmioRead(long address, int size);

    void mmioWrite(long address, int size, long value);
}
