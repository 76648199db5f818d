package jcrosvm.app;

import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.Syntax;

/** {@code version}: prints the program's name and version. */
final class VersionCommand extends Command {
    static final String VERSION = "0.1.0";

    @Override
    Syntax syntax() {
        return new Syntax("jcrosvm version", "Prints the version.", List.of(), List.of());
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        System.out.println("jcrosvm " + VERSION);
        return ExitCode.SUCCESS;
    }
}
