package jcrosvm.bus.pci;

import java.util.List;
import java.util.Objects;

/**
 * A function's configuration space and what follows from it outside.
 *
 * @param address where it is, such as {@code 0000:00:01.0}
 * @param name of the function, for people
 * @param config the registers, 256 or 4096 bytes
 * @param mapped indices of the BARs that a guest can reach: one whose place another device had first is not
 * @param interrupt level of its INTx pin, before the gate in the command register
 */
public record PciFunctionState(String address, String name, byte[] config, List<Integer> mapped, boolean interrupt) {
    public PciFunctionState {
        Objects.requireNonNull(address);
        Objects.requireNonNull(name);
        config = config.clone();
        mapped = List.copyOf(mapped);
    }
}
