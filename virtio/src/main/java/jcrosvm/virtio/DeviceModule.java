package jcrosvm.virtio;

import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;

/**
 * Everything about a kind of device that others need: its options, how to make it, what can be asked of it.
 *
 * @param <C> its configuration
 */
public interface DeviceModule<C extends DeviceConfig> {
    /** Of the device as users know it: {@code block}. */
    String name();

    Class<C> configType();

    /** The options of {@code run} that describe such devices. */
    Option.Group options();

    /** The devices that the arguments describe, in order; those that a VM has by default too. */
    List<C> read(Arguments arguments);

    /** Checks all devices of this kind together; each was validated. */
    default void validate(List<C> all) {}

    /** Kernel parameters that these devices ask for, such as {@code root=}. */
    default KernelParameters kernelParameters(List<C> all) {
        return KernelParameters.NONE;
    }

    /** PCI address that the user asked for, or empty: the next free one. */
    default String pciAddress(C config) {
        return "";
    }

    /**
     * Opens what the device needs of the host, and makes it.
     *
     * @param index among all devices of this kind
     * @throws jcrosvm.base.VmmException with one line for the user
     */
    VirtioDevice create(C config, int index, VmFacts host);

    /** What can be asked of running devices of this kind. */
    default List<ControlVerb> verbs() {
        return List.of();
    }
}
