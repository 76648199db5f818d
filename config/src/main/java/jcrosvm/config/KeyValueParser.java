package jcrosvm.config;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Parser of the syntax of structured options: {@code key=value} entries separated by commas, where a value is a word, a
 * quoted string, or entries in square brackets, optionally behind an enum variant's name. The language is that of
 * crosvm's options; what the entries mean is {@link RecordBinder}'s business.
 */
public final class KeyValueParser {
    /** Deepest nesting of brackets; no option needs more than 4. */
    private static final int MAX_DEPTH = 32;

    private final String input;
    private int at;

    private KeyValueParser(String input) {
        this.input = input;
    }

    /**
     * Parses a whole option value.
     *
     * @throws ConfigException with the position of the first character that does not fit
     */
    public static Value.Group parse(String input) {
        KeyValueParser parser = new KeyValueParser(input);
        List<Value.Entry> entries = parser.entries(0);
        if (parser.at < input.length()) {
            throw new ConfigException("remaining characters", parser.at);
        }
        return new Value.Group(null, 0, Value.Brackets.NONE, entries, input.length());
    }

    private List<Value.Entry> entries(int depth) {
        List<Value.Entry> entries = new ArrayList<>();
        while (at < input.length() && input.charAt(at) != ']') {
            entries.add(entry(depth));
            if (at < input.length() && input.charAt(at) == ',') {
                at++;
            } else if (at < input.length() && input.charAt(at) != ']') {
                throw new ConfigException("expected ','", at);
            }
        }
        return entries;
    }

    private Value.Entry entry(int depth) {
        int start = at;
        int end = start;
        while (end < input.length() && isIdentifierPart(input.charAt(end), end == start)) {
            end++;
        }
        if (end > start && end < input.length() && input.charAt(end) == '=') {
            at = end + 1;
            return new Value.Entry(input.substring(start, end), start, value(depth));
        }
        return new Value.Entry(null, start, value(depth));
    }

    private Value value(int depth) {
        int start = at;
        char c = at < input.length() ? input.charAt(at) : ',';
        if (c == '[') {
            return group(null, start, depth);
        }
        if (c == '"') {
            return closed(new Value.Text(doubleQuoted(), start, Value.Form.QUOTED));
        }
        if (c == '\'') {
            return closed(new Value.Text(singleQuoted(), start, Value.Form.QUOTED));
        }
        while (at < input.length() && ",[]\"'".indexOf(input.charAt(at)) < 0) {
            at++;
        }
        String text = input.substring(start, at);
        if (at < input.length() && input.charAt(at) == '[' && !text.isEmpty()) {
            if (!isIdentifier(text)) {
                throw new ConfigException("brackets can only be used in quoted strings", at);
            }
            return group(text, start, depth);
        }
        return closed(new Value.Text(text, start, Value.Form.WORD));
    }

    private Value.Group group(@Nullable String tag, int start, int depth) {
        if (depth == MAX_DEPTH) {
            throw new ConfigException("brackets are nested too deeply", at);
        }
        at++;
        List<Value.Entry> entries = entries(depth + 1);
        if (at == input.length()) {
            throw new ConfigException("expected ']'", at);
        }
        at++;
        return new Value.Group(tag, start, Value.Brackets.SQUARE, entries, at - 1);
    }

    /** What follows a string is a separator; anything else means that quotes are missing. */
    private Value.Text closed(Value.Text text) {
        if (at < input.length() && input.charAt(at) != ',' && input.charAt(at) != ']') {
            throw new ConfigException(
                    text.form() == Value.Form.QUOTED
                            ? "expected ','"
                            : "quotes and brackets can only be used in quoted strings",
                    at);
        }
        return text;
    }

    private String doubleQuoted() {
        StringBuilder text = new StringBuilder();
        int start = at++;
        while (at < input.length() && input.charAt(at) != '"') {
            char c = input.charAt(at++);
            if (c == '\\') {
                if (at == input.length() || (input.charAt(at) != '"' && input.charAt(at) != '\\')) {
                    throw new ConfigException("only \\\" and \\\\ can be escaped", at - 1);
                }
                c = input.charAt(at++);
            }
            text.append(c);
        }
        return endQuote(start, text.toString());
    }

    private String singleQuoted() {
        int start = at++;
        while (at < input.length() && input.charAt(at) != '\'') {
            at++;
        }
        return endQuote(start, input.substring(start + 1, at));
    }

    private String endQuote(int start, String text) {
        if (at == input.length()) {
            throw new ConfigException("string without closing quote", start);
        }
        at++;
        return text;
    }

    /** Whether the text can be a key or a name: ASCII letters, digits, '_' and, except in front, '-'. */
    static boolean isIdentifier(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (!isIdentifierPart(text.charAt(i), i == 0)) {
                return false;
            }
        }
        return !text.isEmpty();
    }

    private static boolean isIdentifierPart(char c, boolean first) {
        return (c >= 'a' && c <= 'z')
                || (c >= 'A' && c <= 'Z')
                || (c >= '0' && c <= '9')
                || c == '_'
                || (c == '-' && !first);
    }
}
