package jcrosvm.config;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads the words of a command line: {@code --name value}, {@code --name=value}, {@code -n value}, {@code -n=value},
 * switches, positional words anywhere, and {@code --}, after which all words are positional. Names are never
 * abbreviated. A lone {@code -} is positional.
 */
public final class ArgumentReader {
    private final Syntax syntax;
    private final List<String> words;
    private final Arguments arguments = new Arguments();
    private int next;

    private ArgumentReader(Syntax syntax, List<String> words) {
        this.syntax = syntax;
        this.words = words;
    }

    /**
     * Reads all words. Values are split but not yet bound; with help asked for, nothing else is checked.
     *
     * @throws UsageException when they do not fit the syntax
     */
    public static Arguments read(Syntax syntax, List<String> words) {
        return new ArgumentReader(syntax, words).read();
    }

    /**
     * Options in front of a command's name.
     *
     * @param arguments the options
     * @param rest the command's name and its words; empty when there is none
     */
    public record Leading(Arguments arguments, List<String> rest) {}

    /** Reads options up to the first word that is none. */
    public static Leading readLeading(Syntax syntax, List<String> words) {
        ArgumentReader reader = new ArgumentReader(syntax, words);
        while (reader.next < words.size() && !reader.arguments.wantsHelp()) {
            String word = words.get(reader.next);
            if (word.length() < 2 || word.charAt(0) != '-') {
                break;
            }
            reader.next++;
            if (word.equals("--help") || word.equals("-h")) {
                reader.help();
            } else {
                reader.option(word);
            }
        }
        return new Leading(reader.arguments, words.subList(reader.next, words.size()));
    }

    private Arguments read() {
        boolean optionsEnded = false;
        while (next < words.size()) {
            String word = words.get(next++);
            if (optionsEnded || word.length() < 2 || word.charAt(0) != '-') {
                if (word.equals("help") && !optionsEnded) {
                    return help();
                }
                positional(word);
            } else if (word.equals("--")) {
                optionsEnded = true;
            } else if (word.equals("--help") || word.equals("-h")) {
                return help();
            } else {
                option(word);
            }
        }
        return arguments;
    }

    private Arguments help() {
        arguments.askHelp();
        return arguments;
    }

    /** @throws UsageException naming the positional words that are missing */
    public static void requirePositionals(Syntax syntax, Arguments arguments) {
        List<Syntax.Positional> expected = syntax.positionals();
        for (int i = arguments.positionals().size(); i < expected.size(); i++) {
            if (expected.get(i).isRequired()) {
                throw new UsageException("required argument " + expected.get(i).name() + " is missing");
            }
        }
    }

    private void positional(String word) {
        List<Syntax.Positional> expected = syntax.positionals();
        boolean isRepeatable = !expected.isEmpty() && expected.getLast().isRepeatable();
        if (arguments.positionals().size() >= expected.size() && !isRepeatable) {
            throw new UsageException("unexpected argument '" + word + "'");
        }
        arguments.addPositional(word);
    }

    private void option(String word) {
        int equals = word.indexOf('=');
        String dashed = equals < 0 ? word : word.substring(0, equals);
        @Nullable String value = equals < 0 ? null : word.substring(equals + 1);
        boolean isLong = dashed.startsWith("--");
        String name = dashed.substring(isLong ? 2 : 1);
        if (dashed.equals("--host_ip")) {
            name = "host-ip";
        }
        Option<?> option = isLong ? syntax.option(name) : name.length() == 1 ? syntax.option(name.charAt(0)) : null;
        if (option != null) {
            accept(option, dashed, value);
            return;
        }
        RefusedOptions.Refusal refusal =
                isLong || name.length() == 1 ? syntax.refused().find(name) : null;
        if (refusal == null) {
            throw new UsageException("unknown option " + dashed + suggestion(name));
        }
        if (refusal.takesValue()) {
            valueOf(dashed, value);
        } else {
            refuseValue(dashed, value);
        }
        arguments.addRefusal(refusal);
    }

    private String suggestion(String name) {
        // One dash too few is the usual slip with long names.
        return Suggestion.clause(name, syntax.names(), "--");
    }

    private void accept(Option<?> option, String dashed, @Nullable String value) {
        if (option.isSwitch()) {
            refuseValue(dashed, value);
            if (!arguments.contains(option)) {
                arguments.add(option, Value.word("true"), Arguments.Source.commandLine(dashed));
            }
            return;
        }
        String text = valueOf(dashed, value);
        if (!option.isRepeatable() && arguments.contains(option)) {
            throw new UsageException("option " + dashed + " can be given only once");
        }
        String source = "invalid value '" + text + "' of option " + dashed;
        try {
            arguments.add(option, option.parse(text), Arguments.Source.commandLine(source));
        } catch (ConfigException e) {
            throw new UsageException(source + ": " + e.getMessage(), e);
        }
    }

    private String valueOf(String dashed, @Nullable String value) {
        if (value != null) {
            return value;
        }
        if (next == words.size()) {
            throw new UsageException("option " + dashed + " needs a value");
        }
        return words.get(next++);
    }

    private static void refuseValue(String dashed, @Nullable String value) {
        if (value != null) {
            throw new UsageException("option " + dashed + " takes no value, but has '" + value + "'");
        }
    }
}
