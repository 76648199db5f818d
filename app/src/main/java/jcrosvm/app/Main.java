package jcrosvm.app;

import java.lang.System.Logger.Level;
import java.util.List;
import jcrosvm.app.log.Log;
import jcrosvm.base.LinkAhead;
import jcrosvm.base.VmmException;
import jcrosvm.config.ArgumentReader;
import jcrosvm.config.UsageException;

/** Entry point of the program. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        if (args.length > 1) {
            LinkAhead.begin(); // an option or a file, so more than words to print
        }
        // Runs shutdown hooks, and does not wait for threads that a VM left behind.
        System.exit(run(List.of(args)));
    }

    /** The exit code of a command line. */
    static int run(List<String> words) {
        try {
            ArgumentReader.Leading leading = ArgumentReader.readLeading(GlobalOptions.SYNTAX, words);
            if (leading.arguments().wantsHelp()) {
                return new HelpCommand().run(List.of(), false);
            }
            GlobalOptions.apply(leading.arguments());
            if (leading.rest().isEmpty()) {
                throw new UsageException("a command is missing; 'jcrosvm help' lists the commands");
            }
            Command command = Commands.find(leading.rest().getFirst());
            return command.run(
                    leading.rest().subList(1, leading.rest().size()),
                    leading.arguments().has(GlobalOptions.EXTENDED_STATUS));
        } catch (UsageException e) {
            Log.write(Level.ERROR, String.valueOf(e.getMessage()));
            return ExitCode.USAGE;
        } catch (VmmException e) {
            Log.write(Level.ERROR, String.valueOf(e.getMessage()));
            return ExitCode.FAILURE;
        }
    }
}
