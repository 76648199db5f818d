package jcrosvm.config;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One option of a command line: data only, so that a table of options costs nothing but its own objects.
 *
 * @param <T> type of its value
 * @param name without the dashes; also its key in a configuration file
 * @param letter of the short form, or 0
 * @param argument how the help names its value; empty for a switch
 * @param type what the value is bound to
 * @param isStructured whether the value is in the key-value syntax, not one plain word
 * @param isRepeatable whether it may be given more than once
 * @param help one or more sentences
 * @param replacement what to use instead of a deprecated option, or null
 */
public record Option<T>(
        String name,
        char letter,
        String argument,
        Class<T> type,
        boolean isStructured,
        boolean isRepeatable,
        String help,
        @Nullable String replacement) {
    /** An option without value, true when it is there. */
    public static Option<Boolean> flag(String name, String help) {
        return new Option<>(name, '\0', "", Boolean.class, false, false, help, null);
    }

    /** An option with one plain word, which may hold any character. */
    public static <T> Option<T> word(String name, Class<T> type, String argument, String help) {
        return new Option<>(name, '\0', argument, type, false, false, help, null);
    }

    /** An option in the key-value syntax: a record, an enum or a sealed interface of records. */
    public static <T> Option<T> structured(String name, Class<T> type, String argument, String help) {
        return new Option<>(name, '\0', argument, type, true, false, help, null);
    }

    public Option<T> withLetter(char c) {
        return new Option<>(name, c, argument, type, isStructured, isRepeatable, help, replacement);
    }

    public Option<T> repeatable() {
        return new Option<>(name, letter, argument, type, isStructured, true, help, replacement);
    }

    /** @param use what to use instead, as a clause: {@code "--cpus clusters=[..]"} */
    public Option<T> deprecated(String use) {
        return new Option<>(name, letter, argument, type, isStructured, isRepeatable, help, use);
    }

    public boolean isSwitch() {
        return argument.isEmpty();
    }

    /** Binds what the user wrote. */
    T read(Value value) {
        if (type == String.class && value instanceof Value.Text text && text.form() == Value.Form.WORD) {
            return type.cast(text.text());
        }
        return RecordBinder.bind(value, type);
    }

    /** The value of one word of a command line, unbound. */
    Value parse(String word) {
        if (!isStructured) {
            return Value.word(word);
        }
        Value.Group group = KeyValueParser.parse(word);
        // A comma may end the entries of a record; behind a single value it ends nothing.
        if (!type.isRecord() && word.endsWith(",")) {
            throw new ConfigException("remaining characters", word.length() - 1);
        }
        return group;
    }

    /** Options that the help shows together. */
    public record Group(String title, List<Option<?>> options) {
        public Group {
            options = List.copyOf(options);
        }
    }
}
