package jcrosvm.config;

import java.util.List;

/** What the key-value syntax and JSON let a user leave out: brackets, the first key, the values of flags. */
final class Shorthand {
    private Shorthand() {}

    /** The only entry of an option value whose type is not a record. */
    static Value single(Value value) {
        if (!(value instanceof Value.Group group) || group.brackets() != Value.Brackets.NONE) {
            return value;
        }
        if (group.entries().isEmpty()) {
            throw new ConfigException("expected a value", group.closing());
        }
        if (group.entries().size() > 1) {
            throw new ConfigException(
                    "remaining characters", group.entries().get(1).position() - 1);
        }
        Value.Entry entry = group.entries().getFirst();
        return entry.key() == null ? entry.value() : rejoined(entry);
    }

    /** An unquoted string may contain '=': undoes the split of a list's element into key and value. */
    static Value rejoined(Value.Entry entry) {
        if (entry.key() != null && entry.value() instanceof Value.Text text && text.form() == Value.Form.WORD) {
            return new Value.Text(entry.key() + "=" + text.text(), entry.position(), Value.Form.WORD);
        }
        if (entry.key() != null) {
            throw new ConfigException("unexpected key '" + entry.key() + "'", entry.position());
        }
        return entry.value();
    }

    /** The entries of a list. */
    static List<Value.Entry> elements(Value value) {
        if (value instanceof Value.Group group
                && group.tag() == null
                && group.brackets() != Value.Brackets.OBJECT
                && group.brackets() != Value.Brackets.NONE) {
            return group.entries();
        }
        throw new ConfigException(
                "expected " + (isJson(value) ? "an array" : "'['") + ", not " + value.describe(), value.position());
    }

    /** The entries of a record. */
    static Value.Group fields(Value value) {
        if (value instanceof Value.Group group && group.tag() == null && group.brackets() != Value.Brackets.ARRAY) {
            return group;
        }
        // 'key=' with nothing behind it is the record as it is when nothing is written in it.
        if (value instanceof Value.Text text
                && text.form() == Value.Form.WORD
                && text.text().isEmpty()) {
            return empty(text.position());
        }
        // JSON may leave out the first key as well, having only its value: "mem": 512.
        if (value instanceof Value.Text text
                && (text.form() == Value.Form.JSON_LITERAL || text.form() == Value.Form.JSON_STRING)) {
            return new Value.Group(
                    null,
                    text.position(),
                    Value.Brackets.NONE,
                    List.of(new Value.Entry(null, text.position(), text)),
                    text.position());
        }
        throw new ConfigException(
                "expected " + (isJson(value) ? "an object" : "'['") + ", not " + value.describe(), value.position());
    }

    /** A record in which nothing is written. */
    static Value.Group empty(int position) {
        return new Value.Group(null, position, Value.Brackets.SQUARE, List.of(), position);
    }

    private static boolean isJson(Value value) {
        return switch (value) {
            case Value.Text text -> text.form() != Value.Form.WORD && text.form() != Value.Form.QUOTED;
            case Value.Group group ->
                group.brackets() == Value.Brackets.OBJECT || group.brackets() == Value.Brackets.ARRAY;
        };
    }

    /**
     * The component that a key names.
     *
     * @param flat whether flat ones have a key
     */
    static int named(RecordShape shape, String key, int position, boolean flat) {
        int index = flat ? shape.indexOfAny(key) : shape.indexOf(key);
        if (index < 0) {
            throw new ConfigException(
                    "unknown key '" + key + "'" + Suggestion.clause(key, shape.keys()) + ", expected one of "
                            + String.join(", ", shape.keys()),
                    position);
        }
        return index;
    }

    /** The component that an entry without key is for: a flag's name, or the first component's value. */
    static int bare(RecordShape shape, Value.Group group, int index) {
        Value.Entry entry = group.entries().get(index);
        boolean isName = entry.value() instanceof Value.Text text
                && text.form() == Value.Form.WORD
                && KeyValueParser.isIdentifier(text.text());
        String word = entry.value() instanceof Value.Text text ? text.text() : "";
        int flag = isName ? shape.indexOf(word) : -1;
        if (index == 0 && flag < 0) {
            if (shape.components.isEmpty()) {
                throw new ConfigException("unexpected " + entry.value().describe(), entry.position());
            }
            return 0;
        }
        if (!isName) {
            throw new ConfigException("expected key=value, not " + entry.value().describe(), entry.position());
        }
        int named = named(shape, word, entry.position(), false);
        if (!canBeBare(shape.components.get(named))) {
            throw new ConfigException(
                    "key '" + word + "' needs a value: expected '='", entry.position() + word.length());
        }
        return named;
    }

    /** Whether an entry without key is the name of this component, not a value for it. */
    static boolean isFlag(RecordShape.Component component, Value.Entry entry) {
        return canBeBare(component)
                && entry.value() instanceof Value.Text text
                && text.form() == Value.Form.WORD
                && component.isNamed(text.text());
    }

    static boolean isBoolean(RecordShape.Component component) {
        return component.raw() == boolean.class || component.raw() == Boolean.class;
    }

    /** A boolean's name means true, a record's the record as it is when nothing is written in it. */
    private static boolean canBeBare(RecordShape.Component component) {
        return isBoolean(component) || component.raw().isRecord() && component.raw() != CpuSet.class;
    }
}
