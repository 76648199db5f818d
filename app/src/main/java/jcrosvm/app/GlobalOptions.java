package jcrosvm.app;

import java.util.List;
import jcrosvm.app.log.Log;
import jcrosvm.app.log.LogFilter;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.config.Syntax;
import jcrosvm.sandbox.LogSettings;

/** Switches in front of the command's name. */
final class GlobalOptions {
    static final Option<Boolean> EXTENDED_STATUS = Option.flag(
            "extended-status",
            "Tell in the exit code of run how the VM ended: 32 reset, 33 failure of the VM (otherwise 1), 34 guest panic,"
                    + " 36 watchdog.");
    private static final Option<String> LOG_LEVEL = Option.word(
            "log-level",
            String.class,
            "FILTER",
            "Messages to show: off, error, warn, info (default), debug or trace, and NAME=LEVEL for parts of the"
                    + " program, separated by commas.");
    private static final Option<String> SYSLOG_TAG =
            Option.word("syslog-tag", String.class, "TAG", "Name of this program in the host's log (default jcrosvm).");
    private static final Option<Boolean> NO_SYSLOG = Option.flag("no-syslog", "Write messages to standard error only.");

    static final Syntax SYNTAX = new Syntax(
            "jcrosvm",
            "A virtual machine monitor for Linux guests.",
            List.of(new Option.Group("Options", List.of(EXTENDED_STATUS, LOG_LEVEL, SYSLOG_TAG, NO_SYSLOG))),
            List.of(new Syntax.Positional("COMMAND", null, true, "What to do; see below.")));

    private GlobalOptions() {}

    /** Puts them into effect. */
    static void apply(Arguments arguments) {
        String level = arguments.value(LOG_LEVEL);
        String tag = arguments.value(SYSLOG_TAG);
        String shown = level == null ? "info" : level;
        String name = arguments.has(NO_SYSLOG) ? null : tag == null ? "jcrosvm" : tag;
        Log.configure(LogFilter.parse(shown), name);
        new LogSettings(shown, name, null).use();
    }
}
