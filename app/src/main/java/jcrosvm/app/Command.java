package jcrosvm.app;

import java.util.List;
import jcrosvm.config.ArgumentReader;
import jcrosvm.config.Arguments;
import jcrosvm.config.HelpText;
import jcrosvm.config.Syntax;

/** One word behind the program's name. */
abstract class Command {
    abstract Syntax syntax();

    /**
     * Does it.
     *
     * @param isExtended whether the exit code shall tell how a VM ended
     * @return exit code
     * @throws jcrosvm.config.UsageException when the arguments cannot be read
     * @throws jcrosvm.base.VmmException when it fails
     */
    abstract int run(Arguments arguments, boolean isExtended);

    /** Reads the words behind the command's name, then prints its help or runs it. */
    int run(List<String> words, boolean isExtended) {
        Syntax syntax = syntax();
        Arguments arguments = ArgumentReader.read(syntax, words);
        if (arguments.wantsHelp()) {
            System.out.print(HelpText.of(syntax));
            System.out.flush();
            return ExitCode.SUCCESS;
        }
        ArgumentReader.requirePositionals(syntax, arguments);
        return run(arguments, isExtended);
    }
}
