package jcrosvm.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;

/**
 * The modules of one kernel: a directory {@code lib/modules/RELEASE} as packages ship it.
 *
 * <p>Dependencies are read from the modules themselves, since modules.dep is only made when a package is installed.
 */
public final class KernelModules {
    private static final Pattern MODULE = Pattern.compile("(.+)\\.ko(\\.gz|\\.xz|\\.zst)?");

    private final Path directory;
    private final Map<String, Path> files;
    private final Set<String> builtin;

    private KernelModules(Path directory, Map<String, Path> files, Set<String> builtin) {
        this.directory = directory;
        this.files = files;
        this.builtin = builtin;
    }

    /**
     * Indexes a directory of modules; none of them is read yet.
     *
     * @throws VmmException if the directory cannot be read
     */
    public static KernelModules of(Path directory) {
        Map<String, Path> files = new HashMap<>();
        Set<String> builtin = new HashSet<>();
        try (Stream<Path> walk = Files.walk(directory)) {
            walk.forEach(file -> {
                Matcher name = MODULE.matcher(file.getFileName().toString());
                if (name.matches()) {
                    files.put(normal(name.group(1)), file);
                }
            });
            Path list = directory.resolve("modules.builtin");
            if (Files.exists(list)) {
                for (String line : Files.readAllLines(list)) {
                    Matcher name = MODULE.matcher(line.substring(line.lastIndexOf('/') + 1));
                    if (name.matches()) {
                        builtin.add(normal(name.group(1)));
                    }
                }
            }
        } catch (IOException e) {
            throw new VmmException("cannot read the kernel modules in " + directory + ": " + AtomicFiles.reason(e), e);
        }
        return new KernelModules(directory, files, builtin);
    }

    /** Names of the loadable modules, with underscores. */
    public Set<String> names() {
        return Set.copyOf(files.keySet());
    }

    public boolean isBuiltin(String name) {
        return builtin.contains(normal(name));
    }

    /** Whether the kernel has this driver, as a module or built in. */
    public boolean has(String name) {
        return isBuiltin(name) || files.containsKey(normal(name));
    }

    /**
     * The modules asked for and all that they need, each after what it depends on. What is built in is left out.
     *
     * @throws VmmException for a name that is neither a module nor built in
     */
    public List<KernelModule> loadOrder(List<String> names) {
        Map<String, KernelModule> loaded = new LinkedHashMap<>();
        for (String name : names) {
            visit(normal(name), loaded, new ArrayList<>());
        }
        return List.copyOf(loaded.values());
    }

    private void visit(String name, Map<String, KernelModule> loaded, List<String> path) {
        if (loaded.containsKey(name) || builtin.contains(name)) {
            return;
        }
        if (path.contains(name)) {
            throw new VmmException("kernel modules in " + directory + " depend on each other: " + path);
        }
        KernelModule module = load(name);
        path.add(name);
        for (String dependency : module.dependencies()) {
            visit(dependency, loaded, path);
        }
        path.removeLast();
        loaded.put(name, module);
    }

    private KernelModule load(String name) {
        Path file = files.get(name);
        if (file == null) {
            throw new VmmException("the kernel in " + directory + " has no module " + name);
        }
        try {
            return KernelModule.of(name, Compression.read(file));
        } catch (IOException e) {
            throw new VmmException("cannot read the kernel module " + file + ": " + AtomicFiles.reason(e), e);
        }
    }

    /** The name by which the kernel knows a module: files may be spelled with '-'. */
    static String normal(String name) {
        return name.replace('-', '_');
    }
}
