package jcrosvm.config;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;

/**
 * A JSON file with the options of a command: an object whose keys are the options' names. Switches are true or false,
 * options that can be repeated may be arrays, positional words have keys of their own.
 */
public final class ConfigFile {
    private ConfigFile() {}

    /** @throws VmmException when the file cannot be read, or naming file, line and column of what is wrong */
    public static Arguments read(Path file, Syntax syntax) {
        String json;
        try {
            json = Files.readString(file);
        } catch (NoSuchFileException e) {
            throw new VmmException("configuration file " + file + " does not exist", e);
        } catch (MalformedInputException e) {
            throw new VmmException("configuration file " + file + " is not UTF-8 text", e);
        } catch (IOException e) {
            throw new VmmException("cannot read configuration file " + file + ": " + e.getMessage(), e);
        }
        try {
            return arguments(JsonReader.parse(json), syntax, file, json);
        } catch (ConfigException e) {
            throw new VmmException(place(file, json, e.position()) + ": " + e.problem(), e);
        }
    }

    private static Arguments arguments(Value root, Syntax syntax, Path file, String json) {
        if (!(root instanceof Value.Group group) || group.brackets() != Value.Brackets.OBJECT) {
            throw new ConfigException("expected an object with the names of options", root.position());
        }
        Arguments arguments = new Arguments();
        for (Value.Entry entry : group.entries()) {
            String key = String.valueOf(entry.key());
            Option<?> option = syntax.option(key);
            if (option != null) {
                add(arguments, option, entry.value(), place(file, json, entry.position()) + ": " + key);
                continue;
            }
            RefusedOptions.Refusal refusal = syntax.refused().find(key);
            if (refusal != null) {
                arguments.addRefusal(refusal);
            } else if (!isPositional(syntax, key)) {
                throw new ConfigException(
                        "unknown option '" + key + "'" + Suggestion.clause(key, syntax.names()), entry.position());
            } else if (entry.value() instanceof Value.Text text && text.form() == Value.Form.JSON_STRING) {
                arguments.addPositional(text.text());
            } else {
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

    private static void add(Arguments arguments, Option<?> option, Value value, String source) {
        List<Value> values =
                option.isRepeatable() && value instanceof Value.Group group && group.brackets() == Value.Brackets.ARRAY
                        ? group.entries().stream().map(Value.Entry::value).toList()
                        : List.of(value);
        for (Value v : values) {
            arguments.add(option, v, source);
            if (option.isSwitch()
                    && !(v instanceof Value.Text text
                            && text.form() == Value.Form.JSON_LITERAL
                            && (text.text().equals("true") || text.text().equals("false")))) {
                throw new ConfigException("expected true or false for '" + option.name() + "'", v.position());
            }
        }
    }

    /** {@code FILE:line:column}. */
    private static String place(Path file, String json, int position) {
        int line = 1;
        int column = 1;
        for (int i = 0; i < Math.min(position, json.length()); i++) {
            column++;
            if (json.charAt(i) == '\n') {
                line++;
                column = 1;
            }
        }
        return file + ":" + line + ":" + column;
    }
}
