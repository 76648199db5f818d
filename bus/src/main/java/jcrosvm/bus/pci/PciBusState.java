package jcrosvm.bus.pci;

import java.util.List;

/**
 * What a guest has made of the functions on a {@link PciBus}.
 *
 * @param functions in the order of {@link PciBus#functions}
 */
public record PciBusState(List<PciFunctionState> functions) {
    public PciBusState {
        functions = List.copyOf(functions);
    }
}
