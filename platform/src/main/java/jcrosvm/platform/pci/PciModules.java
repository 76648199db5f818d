package jcrosvm.platform.pci;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import jcrosvm.base.VmmException;
import jcrosvm.bus.pci.PciFunction;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import org.jspecify.annotations.Nullable;

/** The kinds of PCI functions that there are beside virtio devices: those that {@link ServiceLoader} finds, by name. */
public final class PciModules {
    private static @Nullable List<PciModule<?>> found; // guarded by the class

    private PciModules() {}

    private static synchronized List<PciModule<?>> all() {
        List<PciModule<?>> modules = found;
        if (modules == null) {
            List<PciModule<?>> loaded = new ArrayList<>();
            ServiceLoader.load(PciModule.class, PciModules.class.getClassLoader())
                    .forEach(loaded::add);
            loaded.sort(Comparator.comparing(PciModule::name));
            modules = List.copyOf(loaded);
            found = modules;
        }
        return modules;
    }

    /** The functions that a machine has unless it is told otherwise. */
    public static List<PciFunctionConfig> defaults() {
        List<PciFunctionConfig> configs = new ArrayList<>();
        all().forEach(module -> configs.addAll(module.defaults()));
        return configs;
    }

    /** The tables of options. */
    public static List<Option.Group> options() {
        return all().stream().flatMap(module -> module.options().stream()).toList();
    }

    /** The functions that the arguments describe. */
    public static List<PciFunctionConfig> read(Arguments arguments) {
        List<PciFunctionConfig> configs = new ArrayList<>();
        all().forEach(module -> configs.addAll(module.read(arguments)));
        return configs;
    }

    /**
     * Checks all functions of a machine.
     *
     * @throws VmmException naming the first value that cannot be, or a configuration that no module makes
     */
    public static void validate(List<PciFunctionConfig> configs) {
        for (PciFunctionConfig config : configs) {
            if (all().stream().noneMatch(module -> module.configType().isInstance(config))) {
                throw new VmmException(
                        "there is no PCI function that a " + config.getClass().getName() + " describes");
            }
            config.validate();
        }
    }

    /**
     * Makes the functions of one incarnation of a machine.
     *
     * @param configs checked already
     * @throws VmmException with one line for the user
     */
    public static List<PciFunction> make(List<PciFunctionConfig> configs, PciContext context) {
        List<PciFunction> functions = new ArrayList<>();
        for (PciModule<?> module : all()) {
            configs.forEach(config -> make(module, config, context, functions));
        }
        return functions;
    }

    private static <C extends PciFunctionConfig> void make(
            PciModule<C> module, PciFunctionConfig config, PciContext context, List<PciFunction> functions) {
        if (module.configType().isInstance(config)) {
            functions.add(module.make(module.configType().cast(config), context));
        }
    }
}
