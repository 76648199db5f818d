package jcrosvm.virtio;

import java.util.List;
import java.util.Optional;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;

/**
 * Everything about a kind of device that others need: its options, how to make it, what can be asked of it. Modules are
 * found by {@link java.util.ServiceLoader}.
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

    /** Where such a device is to live. */
    default Placement placement(C config) {
        return Placement.LOCAL;
    }

    /** What the process of such a device may do. */
    SandboxProfile sandbox(C config);

    /**
     * Opens what the device needs of the host. Called in the process of the VM, which has the user's rights.
     *
     * @param index among all devices of this kind
     * @throws jcrosvm.base.VmmException with one line for the user
     */
    HostResources open(C config, int index, VmFacts vm);

    /**
     * Makes the device of what was opened; opens no file. Called in the process that the device lives in, which may be
     * allowed nothing but {@link #sandbox}.
     *
     * @param index among all devices of this kind
     * @param resources as {@link #open} gave them; the caller closes what is left of them
     * @throws jcrosvm.base.VmmException with one line for the user
     */
    VirtioDevice create(C config, int index, HostResources resources, VmFacts vm);

    /** In front of each line of the log that is about such a device; empty when its messages say it themselves. */
    default String label(int index) {
        return "";
    }

    /** Opens and makes a device in one step, for a device that lives in the process of the VM. */
    static <C extends DeviceConfig> VirtioDevice make(DeviceModule<C> module, C config, int index, VmFacts vm) {
        try (HostResources resources = module.open(config, index, vm)) {
            return module.create(config, index, resources, vm);
        }
    }

    /** How such a device is served by itself; empty when it cannot be. */
    default Optional<StandaloneOptions<C>> standalone() {
        return Optional.empty();
    }

    /** What can be asked of running devices of this kind. */
    default List<ControlVerb> verbs() {
        return List.of();
    }
}
