package jcrosvm.hypervisor;

import java.util.OptionalLong;

/**
 * Where and with what a guest write raises an event.
 *
 * @param portIo port I/O space instead of memory
 * @param address first byte
 * @param size 1, 2, 4 or 8; 0 matches writes of any size and needs an empty {@code match}
 * @param match only writes of this value
 */
public record IoEventAddress(boolean portIo, long address, int size, OptionalLong match) {
    public static IoEventAddress mmio(long address, int size) {
        return new IoEventAddress(false, address, size, OptionalLong.empty());
    }

    public static IoEventAddress port(int port, int size) {
        return new IoEventAddress(true, port, size, OptionalLong.empty());
    }

    public IoEventAddress matching(long value) {
        return new IoEventAddress(portIo, address, size, OptionalLong.of(value));
    }
}
