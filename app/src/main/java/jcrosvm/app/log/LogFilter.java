package jcrosvm.app.log;

import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import jcrosvm.config.UsageException;
import org.jspecify.annotations.Nullable;

/**
 * Which messages are shown: a level for all, and levels for loggers whose names begin with something. Written as
 * {@code info,vmm=debug,platform.serial=off}; the longest name that fits decides.
 */
public final class LogFilter {
    /** What is shown when the user asks for nothing else. */
    public static final LogFilter DEFAULT = parse("info");

    private static final String ROOT = "jcrosvm.";

    private record Rule(String prefix, Level level) {
        boolean applies(String name) {
            return name.startsWith(prefix)
                    && (prefix.isEmpty() || name.length() == prefix.length() || name.charAt(prefix.length()) == '.');
        }
    }

    private final List<Rule> rules;

    private LogFilter(List<Rule> rules) {
        this.rules = rules;
    }

    /** @throws UsageException when a level is unknown */
    public static LogFilter parse(String text) {
        List<Rule> rules = new ArrayList<>();
        int start = 0;
        for (int i = 0; i <= text.length(); i++) {
            if (i == text.length() || text.charAt(i) == ',') {
                if (i > start) {
                    rules.add(rule(text, text.substring(start, i).strip()));
                }
                start = i + 1;
            }
        }
        return new LogFilter(rules);
    }

    private static Rule rule(String text, String directive) {
        int equals = directive.indexOf('=');
        if (equals >= 0) {
            Level level = level(directive.substring(equals + 1));
            if (level != null) {
                return new Rule(name(directive.substring(0, equals)), level);
            }
        } else {
            Level level = level(directive);
            if (level != null) {
                return new Rule("", level);
            }
            // A name alone shows everything of it.
            if (directive.indexOf(' ') < 0) {
                return new Rule(name(directive), Level.ALL);
            }
        }
        throw new UsageException("invalid value '" + text + "' of option --log-level: '" + directive
                + "' is not off, error, warn, info, debug or trace, alone or behind NAME=");
    }

    /** Names are written without the program's own prefix, and with dots or, as in crosvm, with colons. */
    private static String name(String text) {
        String name = text.replace("::", ".").replace('/', '.');
        return name.startsWith(ROOT) ? name.substring(ROOT.length()) : name;
    }

    private static @Nullable Level level(String text) {
        return switch (text.toLowerCase(Locale.ROOT)) {
            case "off" -> Level.OFF;
            case "error" -> Level.ERROR;
            case "warn" -> Level.WARNING;
            case "info" -> Level.INFO;
            case "debug" -> Level.DEBUG;
            case "trace" -> Level.ALL;
            default -> null;
        };
    }

    private static boolean isOfJdk(String name) {
        return name.startsWith("java.") || name.startsWith("jdk.") || name.startsWith("sun.");
    }

    /** The lowest level that is shown of a logger. The JDK's own say less than INFO only when a rule names them. */
    public Level threshold(String loggerName) {
        String name = loggerName.startsWith(ROOT) ? loggerName.substring(ROOT.length()) : loggerName;
        Level level = Level.OFF;
        int length = -1;
        for (Rule rule : rules) {
            // Of equal ones the last counts.
            if (rule.prefix.length() >= length && rule.applies(name)) {
                level = rule.level;
                length = rule.prefix.length();
            }
        }
        boolean isQuiet = length <= 0 && isOfJdk(name) && level.getSeverity() < Level.INFO.getSeverity();
        return isQuiet ? Level.INFO : level;
    }
}
