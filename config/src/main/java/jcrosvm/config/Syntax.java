package jcrosvm.config;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a command accepts.
 *
 * @param command its name as typed, for messages and usage: {@code "jcrosvm run"}
 * @param summary what it does, a sentence
 * @param groups its options
 * @param positionals its other words, in order
 * @param refused options that are known by name but cannot be used
 */
public record Syntax(
        String command,
        String summary,
        List<Option.Group> groups,
        List<Positional> positionals,
        RefusedOptions refused) {
    public Syntax {
        groups = List.copyOf(groups);
        positionals = List.copyOf(positionals);
    }

    /** A command that refuses nothing by name. */
    public Syntax(String command, String summary, List<Option.Group> groups, List<Positional> positionals) {
        this(command, summary, groups, positionals, RefusedOptions.NONE);
    }

    /**
     * A word without dashes.
     *
     * @param name in capitals, as the usage shows it; the last one can be repeated if it ends with three dots
     * @param key in a configuration file, or null when it cannot stand there
     */
    public record Positional(String name, @Nullable String key, boolean isRequired, String help) {
        boolean isRepeatable() {
            return name.endsWith("...");
        }
    }

    @Nullable
    Option<?> option(String name) {
        for (Option.Group group : groups) {
            for (Option<?> option : group.options()) {
                if (option.name().equals(name)) {
                    return option;
                }
            }
        }
        return null;
    }

    @Nullable
    Option<?> option(char letter) {
        for (Option.Group group : groups) {
            for (Option<?> option : group.options()) {
                if (option.letter() == letter) {
                    return option;
                }
            }
        }
        return null;
    }

    List<String> names() {
        List<String> names = new ArrayList<>();
        for (Option.Group group : groups) {
            for (Option<?> option : group.options()) {
                names.add(option.name());
            }
        }
        return names;
    }
}
