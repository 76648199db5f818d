package jcrosvm.bus;

/**
 * A device on a port or memory bus. Called on vCPU threads, several at a time: a device guards its own state. Offsets
 * are within the range it was inserted at; whatever the guest does, no method throws.
 */
public interface BusDevice {
    String name();

    /** @return the value, zero-extended; bits above {@code size} bytes are ignored */
    long read(long offset, int size);

    void write(long offset, int size, long value);
}
