package jcrosvm.app;

import java.util.List;
import jcrosvm.config.Arguments;
import jcrosvm.config.HelpText;
import jcrosvm.config.Syntax;

/** {@code help}: prints the program's help or a command's. */
final class HelpCommand extends Command {
    @Override
    Syntax syntax() {
        return new Syntax(
                "jcrosvm help",
                "Prints the help of the program or of a command.",
                List.of(),
                List.of(new Syntax.Positional("COMMAND", null, false, "Its name.")));
    }

    @Override
    int run(Arguments arguments, boolean isExtended) {
        String name = arguments.positional(0);
        System.out.print(name == null ? text() : HelpText.of(Commands.find(name).syntax()));
        System.out.flush();
        return ExitCode.SUCCESS;
    }

    /** The help of the program. */
    static String text() {
        StringBuilder out = new StringBuilder(HelpText.of(GlobalOptions.SYNTAX)).append("\nCommands:\n");
        for (Commands.Entry entry : Commands.ENTRIES) {
            out.append("  ")
                    .append(entry.name())
                    .repeat(' ', 20 - entry.name().length())
                    .append(entry.summary())
                    .append(".\n");
        }
        return out.append("\n'jcrosvm COMMAND --help' tells more about a command.\n")
                .toString();
    }
}
