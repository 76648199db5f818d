package jcrosvm.platform.pci;

import java.util.List;
import jcrosvm.bus.pci.PciFunction;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;

/**
 * Everything about a kind of PCI function that is no virtio device: its options and how to make it. Modules are found by
 * {@link java.util.ServiceLoader}.
 *
 * @param <C> its configuration
 */
public interface PciModule<C extends PciFunctionConfig> {
    /** Of the function as users know it: {@code pvpanic}. */
    String name();

    Class<C> configType();

    /** The functions of this kind that a machine has unless it is told otherwise. */
    List<C> defaults();

    /** The options of {@code run} that describe such functions: one table or none. */
    default List<Option.Group> options() {
        return List.of();
    }

    /** The functions that the arguments describe, in order. */
    default List<C> read(Arguments arguments) {
        return defaults();
    }

    /**
     * Makes the function for one incarnation of the machine.
     *
     * @throws jcrosvm.base.VmmException with one line for the user
     */
    PciFunction make(C config, PciContext context);
}
