package jcrosvm.sandbox;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/**
 * How this program is started once more: by the same Java runtime from the same modules, so that a start-up cache fits.
 *
 * @param program the {@code java} executable
 * @param arguments from the executable's name to the main class, to which those of the main class are added
 */
public record ProgramCommand(Path program, List<String> arguments) {
    private static final String MAIN = "jcrosvm.app.Main";
    private static final String MODULE = "jcrosvm.app";
    private static final Path OWN = Path.of("/proc/self/cmdline");
    /** A device needs little memory, and no code that was worth the better compiler's time. */
    private static final List<String> SIZES = List.of("-Xms8m", "-Xmx64m", "-XX:TieredStopAtLevel=1");

    /** What would be of a child's harm: a debugger's port, or the file of the cache that is being made. */
    private static final List<String> NOT_FOR_CHILDREN = List.of(
            "-agentlib:",
            "-agentpath:",
            "-javaagent:",
            "-Xrun",
            "-XX:AOTCacheOutput",
            "-XX:AOTMode=record",
            "-XX:AOTConfiguration",
            "-XX:ArchiveClassesAtExit");

    public ProgramCommand {
        arguments = List.copyOf(arguments);
    }

    /**
     * The command of this program. One that was started by its launcher is started with the same options; another Java
     * program, of which it is a part, with the modules or the class path of that.
     *
     * @throws VmmException when this is no program that could be started
     */
    public static ProgramCommand current() {
        boolean isNamed = ProgramCommand.class.getModule().isNamed();
        if (!isNamed && ProgramCommand.class.getResource("/" + MAIN.replace('.', '/') + ".class") == null) {
            throw new VmmException("cannot start a process: the program itself (jcrosvm.app) is not on the class path");
        }
        return of(isNamed ? MODULE : "", MAIN, ownArguments(), System::getProperty);
    }

    /** The same for another class with a main method, on the class path. */
    public static ProgramCommand ofClass(Class<?> main) {
        return of("", main.getName(), List.of(), System::getProperty);
    }

    static ProgramCommand of(
            String module, String main, List<String> own, Function<String, @Nullable String> properties) {
        Path java = Path.of(String.valueOf(properties.apply("java.home")), "bin", "java");
        if (!Files.isExecutable(java)) {
            throw new VmmException("cannot start a process: there is no " + java);
        }
        List<String> arguments = new ArrayList<>();
        arguments.add(java.toString());
        int name = own.indexOf(module + "/" + main);
        if (name > 1) { // behind -m
            own.subList(1, name - 1).stream()
                    .filter(ProgramCommand::isForChildren)
                    .forEach(arguments::add);
            arguments.addAll(SIZES);
            arguments.addAll(own.subList(name - 1, name + 1));
            return new ProgramCommand(java, arguments);
        }
        arguments.addAll(List.of("-XX:+UseSerialGC", "-XX:-UsePerfData"));
        arguments.addAll(SIZES);
        if (module.isEmpty()) {
            String classPath = String.valueOf(properties.apply("java.class.path"));
            arguments.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp", classPath, main));
        } else {
            String modulePath = properties.apply("jdk.module.path");
            if (modulePath != null) { // otherwise the runtime holds the modules
                arguments.addAll(List.of("--module-path", modulePath));
            }
            arguments.addAll(List.of("--enable-native-access=jcrosvm.base", "-m", module + "/" + main));
        }
        return new ProgramCommand(java, arguments);
    }

    private static boolean isForChildren(String option) {
        return NOT_FOR_CHILDREN.stream().noneMatch(option::startsWith);
    }

    private static List<String> ownArguments() {
        try {
            return List.of(Files.readString(OWN, StandardCharsets.UTF_8).split("\0"));
        } catch (IOException e) {
            return List.of();
        }
    }
}
