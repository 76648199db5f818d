package jcrosvm.config;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;

/**
 * A JSON file with the options of a command: an object whose keys are the options' names. Switches are true or false,
 * options that can be repeated may be arrays, positional words have keys of their own.
 */
public final class ConfigFile {
    private ConfigFile() {}

    /**
     * Reads the options; their values are looked at when they are asked for.
     *
     * @throws VmmException when the file cannot be read
     * @throws UsageException naming file, line and column of what is wrong
     */
    public static Arguments read(Path file, Syntax syntax) {
        ConfigText text = ConfigText.read(file);
        try {
            return arguments(JsonReader.parse(text.json()), syntax, text);
        } catch (ConfigException e) {
            throw new UsageException(text.place(e.position()) + ": " + e.problem(), e);
        }
    }

    private static Arguments arguments(Value root, Syntax syntax, ConfigText text) {
        if (!(root instanceof Value.Group group) || group.brackets() != Value.Brackets.OBJECT) {
            throw new ConfigException("expected an object with the names of options", root.position());
        }
        Arguments arguments = new Arguments();
        for (Value.Entry entry : group.entries()) {
            String key = String.valueOf(entry.key());
            Option<?> option = syntax.option(key);
            if (option != null) {
                add(arguments, option, entry, text);
                continue;
            }
            RefusedOptions.Refusal refusal = syntax.refused().find(key);
            if (refusal != null) {
                arguments.addRefusal(refusal);
            } else if (!isPositional(syntax, key)) {
                throw new ConfigException(
                        "unknown option '" + key + "'" + Suggestion.clause(key, syntax.names()), entry.position());
            } else if (entry.value() instanceof Value.Text word && word.form() == Value.Form.JSON_STRING) {
                requirePath(word);
                arguments.addPositional(word.text());
            } else if (!(entry.value() instanceof Value.Text none && none.form() == Value.Form.JSON_NULL)) {
                throw new ConfigException(
                        "expected a string for '" + key + "'", entry.value().position());
            }
        }
        return arguments;
    }

    private static boolean isPositional(Syntax syntax, String key) {
        for (Syntax.Positional positional : syntax.positionals()) {
            if (key.equals(positional.key())) {
                return true;
            }
        }
        return false;
    }

    // JSON can spell what no command line can hold.
    private static void requirePath(Value.Text word) {
        if (word.text().indexOf('\0') >= 0) {
            throw new ConfigException("a path cannot have a zero in it", word.position());
        }
    }

    private static void add(Arguments arguments, Option<?> option, Value.Entry entry, ConfigText text) {
        Value value = entry.value();
        List<Value> values =
                option.isRepeatable() && value instanceof Value.Group group && group.brackets() == Value.Brackets.ARRAY
                        ? group.entries().stream().map(Value.Entry::value).toList()
                        : List.of(value);
        for (Value v : values) {
            arguments.add(option, v, new Arguments.Source(option.name(), entry.position(), text));
            if (option.isSwitch()
                    && !(v instanceof Value.Text word
                            && word.form() == Value.Form.JSON_LITERAL
                            && (word.text().equals("true") || word.text().equals("false")))) {
                throw new ConfigException("expected true or false for '" + option.name() + "'", v.position());
            }
        }
    }
}
