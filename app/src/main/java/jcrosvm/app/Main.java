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
        LastResort.install();
        // Runs shutdown hooks, and does not wait for threads that a VM left behind.
        System.exit(run(List.of(args)));
    }

    /** The exit code of a command line. */
    static int run(List<String> words) {
        try {
            requireText(words);
            int code = perform(words);
            if (System.out.checkError()) {
                throw new VmmException("cannot write to standard output");
            }
            return code;
        } catch (UsageException e) {
            Log.write(Level.ERROR, String.valueOf(e.getMessage()));
            return ExitCode.USAGE;
        } catch (VmmException e) {
            Log.write(Level.ERROR, String.valueOf(e.getMessage()));
            return ExitCode.FAILURE;
        } catch (RuntimeException | Error e) {
            // A defect, or the host has no memory left: one line all the same.
            Log.write(Level.ERROR, "internal error: " + e + "; --log-level debug tells where");
            System.getLogger(Main.class.getName()).log(Level.DEBUG, "internal error", e);
            return ExitCode.FAILURE;
        }
    }

    /** Bytes that are no UTF-8 were replaced when the command line was read: what they named cannot be found again. */
    private static void requireText(List<String> words) {
        for (String word : words) {
            if (word.indexOf('\ufffd') >= 0) {
                throw new UsageException("'" + word + "' is not UTF-8 text");
            }
        }
    }

    private static int perform(List<String> words) {
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
    }
}
