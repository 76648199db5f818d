package jcrosvm.guest;

import java.util.List;

/**
 * A loadable kernel module.
 *
 * @param name as lsmod prints it: with underscores
 * @param dependencies names of the modules that must be loaded before
 * @param image the ELF object, unpacked
 */
public record KernelModule(String name, List<String> dependencies, byte[] image) {
    static KernelModule of(String name, byte[] image) {
        String depends = ModInfo.parse(name, image).getOrDefault("depends", "");
        List<String> dependencies = depends.isEmpty()
                ? List.of()
                : java.util.Arrays.stream(depends.split(","))
                        .map(KernelModules::normal)
                        .toList();
        return new KernelModule(name, dependencies, image);
    }
}
