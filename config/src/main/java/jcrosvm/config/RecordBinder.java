package jcrosvm.config;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Gives a {@link Value} a Java type: booleans, integers, strings, paths, {@link CpuSet}s, enums, lists, records, and
 * sealed interfaces whose records are enum variants with fields. The first key of a record may be left out, a boolean
 * key alone means true, keys that are unknown or twice there are errors. Components that are not written come from the
 * record's static {@code defaults()}, are null, false, 0 or empty without one, or are missed when {@link Required}.
 */
public final class RecordBinder {
    private RecordBinder() {}

    /**
     * Reads a whole option value or JSON value.
     *
     * @throws ConfigException when it does not fit the type
     */
    public static <T> T bind(Value value, Class<T> type) {
        return type.cast(read(value, type, 0, Long.MAX_VALUE));
    }

    private static Object read(Value value, Type type, long min, long max) {
        if (type instanceof ParameterizedType generic) {
            Type element = generic.getActualTypeArguments()[0];
            if (generic.getRawType() == List.class) {
                return list(value, element);
            }
            if (generic.getRawType() == Optional.class) {
                return Optional.of(read(value, element, min, max));
            }
        }
        if (!(type instanceof Class<?> raw)) {
            throw new IllegalArgumentException("cannot bind " + type);
        }
        Value inner = raw.isRecord() && raw != CpuSet.class ? value : single(value);
        if (raw == boolean.class || raw == Boolean.class) {
            return bool(inner);
        }
        if (raw == int.class || raw == Integer.class) {
            return (int) Numbers.read(inner, min, Math.min(max, Integer.MAX_VALUE));
        }
        if (raw == long.class || raw == Long.class) {
            return Numbers.read(inner, min, max);
        }
        if (raw == String.class) {
            return string(inner);
        }
        if (raw == Path.class) {
            return path(inner);
        }
        if (raw == CpuSet.class) {
            return cpuSet(inner);
        }
        if (raw == Value.class) {
            return value;
        }
        if (raw.isEnum()) {
            return constant(inner, raw);
        }
        if (raw.isSealed()) {
            return variant(inner, raw);
        }
        if (raw.isRecord()) {
            return record(value, raw);
        }
        throw new IllegalArgumentException("cannot bind " + type);
    }

    /** The only entry of an option value whose type is not a record. */
    private static Value single(Value value) {
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
    private static Value rejoined(Value.Entry entry) {
        if (entry.key() != null && entry.value() instanceof Value.Text text && text.form() == Value.Form.WORD) {
            return new Value.Text(entry.key() + "=" + text.text(), entry.position(), Value.Form.WORD);
        }
        if (entry.key() != null) {
            throw new ConfigException("unexpected key '" + entry.key() + "'", entry.position());
        }
        return entry.value();
    }

    private static boolean bool(Value value) {
        if (value instanceof Value.Text text
                && (text.form() == Value.Form.WORD || text.form() == Value.Form.JSON_LITERAL)) {
            if (text.text().equals("true")) {
                return true;
            }
            if (text.text().equals("false")) {
                return false;
            }
        }
        throw new ConfigException("expected true or false, not " + value.describe(), value.position());
    }

    private static String string(Value value) {
        if (!(value instanceof Value.Text text)
                || text.form() == Value.Form.JSON_LITERAL
                || text.form() == Value.Form.JSON_NULL) {
            throw new ConfigException("expected a string, not " + value.describe(), value.position());
        }
        if (text.text().isEmpty() && text.form() == Value.Form.WORD) {
            throw new ConfigException("expected a string", text.position());
        }
        return text.text();
    }

    private static Path path(Value value) {
        String text = string(value);
        if (text.isEmpty() || text.indexOf('\0') >= 0) {
            throw new ConfigException("expected a path, not " + value.describe(), value.position());
        }
        return Path.of(text);
    }

    private static CpuSet cpuSet(Value value) {
        if (value instanceof Value.Text text && text.form() != Value.Form.JSON_NULL) {
            return CpuSet.parse(text.text(), text.position());
        }
        List<Integer> cpus = new ArrayList<>();
        for (Value.Entry entry : elements(value)) {
            if (!(rejoined(entry) instanceof Value.Text text)) {
                throw new ConfigException("expected CPU numbers", entry.position());
            }
            CpuSet.addRange(cpus, text.text(), text.position());
        }
        return new CpuSet(cpus);
    }

    private static List<Object> list(Value value, Type element) {
        List<Object> list = new ArrayList<>();
        for (Value.Entry entry : elements(single(value))) {
            boolean isWord = element == String.class || element == Path.class;
            if (entry.key() != null && !isWord) {
                throw new ConfigException("unexpected key '" + entry.key() + "' in a list", entry.position());
            }
            list.add(read(rejoined(entry), element, 0, Long.MAX_VALUE));
        }
        return List.copyOf(list);
    }

    private static List<Value.Entry> elements(Value value) {
        if (value instanceof Value.Group group
                && group.tag() == null
                && group.brackets() != Value.Brackets.OBJECT
                && group.brackets() != Value.Brackets.NONE) {
            return group.entries();
        }
        throw new ConfigException(
                "expected " + (isJson(value) ? "an array" : "'['") + ", not " + value.describe(), value.position());
    }

    private static boolean isJson(Value value) {
        return switch (value) {
            case Value.Text text -> text.form() != Value.Form.WORD && text.form() != Value.Form.QUOTED;
            case Value.Group group ->
                group.brackets() == Value.Brackets.OBJECT || group.brackets() == Value.Brackets.ARRAY;
        };
    }

    private static Object constant(Value value, Class<?> type) {
        String name = nameOf(value);
        List<String> names = new ArrayList<>();
        for (Object constant : type.getEnumConstants()) {
            Enum<?> e = (Enum<?>) constant;
            String key = RecordShape.kebab(e.name());
            if (key.equals(name)) {
                return e;
            }
            names.add(key);
        }
        // Aliases are looked up only now: they cost reflection.
        for (Object constant : type.getEnumConstants()) {
            try {
                List<String> aliases = RecordShape.aliases(type.getField(((Enum<?>) constant).name()));
                if (aliases.contains(name)) {
                    return constant;
                }
                names.addAll(aliases);
            } catch (NoSuchFieldException e) {
                throw new IllegalStateException(e);
            }
        }
        throw unknownName(name, names, value.position());
    }

    private static ConfigException unknownName(String name, List<String> names, int position) {
        return new ConfigException(
                "unknown value '" + name + "'" + Suggestion.clause(name, names) + ", expected one of "
                        + String.join(", ", names),
                position);
    }

    private static String nameOf(Value value) {
        if (value instanceof Value.Text text
                && (text.form() == Value.Form.JSON_STRING || KeyValueParser.isIdentifier(text.text()))
                && text.form() != Value.Form.QUOTED) {
            return text.text();
        }
        throw new ConfigException("expected a name, not " + value.describe(), value.position());
    }

    private static Object variant(Value value, Class<?> type) {
        String name;
        Value fields;
        if (value instanceof Value.Group group && group.tag() != null) {
            name = group.tag();
            fields = new Value.Group(null, group.position(), Value.Brackets.SQUARE, group.entries(), group.closing());
        } else if (value instanceof Value.Group group
                && group.brackets() == Value.Brackets.OBJECT
                && group.entries().size() == 1
                && group.entries().getFirst().key() != null) {
            name = group.entries().getFirst().key();
            fields = group.entries().getFirst().value();
        } else {
            name = nameOf(value);
            fields = new Value.Group(null, value.position(), Value.Brackets.SQUARE, List.of(), value.position());
        }
        List<String> names = new ArrayList<>();
        for (Class<?> permitted : type.getPermittedSubclasses()) {
            String key = RecordShape.kebab(permitted.getSimpleName());
            List<String> aliases = RecordShape.aliases(permitted);
            if (key.equals(name) || aliases.contains(name)) {
                return record(fields, permitted);
            }
            names.add(key);
            names.addAll(aliases);
        }
        throw unknownName(name, names, value.position());
    }

    private static Object record(Value value, Class<?> type) {
        RecordShape shape = RecordShape.of(type);
        @Nullable Object[] values = shape.defaults();
        boolean[] seen = new boolean[values.length];
        Value.Group group = readFlat(shape, fields(value), values, seen);
        for (int i = 0; i < group.entries().size(); i++) {
            Value.Entry entry = group.entries().get(i);
            int index = entry.key() == null ? bare(shape, group, i) : named(shape, entry.key(), entry.position());
            RecordShape.Component component = shape.components.get(index);
            if (seen[index]) {
                throw new ConfigException("duplicate key '" + component.key() + "'", entry.position());
            }
            seen[index] = true;
            boolean isNull = entry.value() instanceof Value.Text text && text.form() == Value.Form.JSON_NULL;
            if (!isNull) {
                values[index] = entry.key() == null && isFlag(component, entry)
                        ? bareValue(component, entry)
                        : read(entry.value(), component.type(), component.min(), component.max());
            }
        }
        for (int i = 0; i < values.length; i++) {
            RecordShape.Component component = shape.components.get(i);
            if (component.required() && !seen[i]) {
                throw new ConfigException("missing key '" + component.key() + "'", group.closing());
            }
            if (values[i] == null && component.raw() == Optional.class) {
                values[i] = Optional.empty();
            }
        }
        try {
            return shape.create(values);
        } catch (IllegalArgumentException e) {
            throw new ConfigException(String.valueOf(e.getMessage()), value.position());
        }
    }

    /** Reads the components whose keys stand among the record's own; the entries that are left. */
    private static Value.Group readFlat(
            RecordShape shape, Value.Group group, @Nullable Object[] values, boolean[] seen) {
        Value.Group rest = group;
        for (int i = 0; i < values.length; i++) {
            RecordShape.Component component = shape.components.get(i);
            if (!component.flat()) {
                continue;
            }
            RecordShape inner = RecordShape.of(component.raw());
            List<Value.Entry> own = new ArrayList<>();
            List<Value.Entry> others = new ArrayList<>();
            for (int at = 0; at < rest.entries().size(); at++) {
                Value.Entry entry = rest.entries().get(at);
                String name = entry.key() != null ? entry.key() : entry.value() instanceof Value.Text t ? t.text() : "";
                boolean isOwn = inner.indexOf(name) >= 0 && shape.indexOf(name) < 0 && (entry.key() != null || at > 0);
                (isOwn ? own : others).add(entry);
            }
            if (!own.isEmpty()) {
                values[i] = record(rest.with(own), component.raw());
                seen[i] = true;
                rest = rest.with(others);
            }
        }
        return rest;
    }

    private static Value.Group fields(Value value) {
        if (value instanceof Value.Group group && group.tag() == null && group.brackets() != Value.Brackets.ARRAY) {
            return group;
        }
        // 'key=' with nothing behind it is the record as it is when nothing is written in it.
        if (value instanceof Value.Text text
                && text.form() == Value.Form.WORD
                && text.text().isEmpty()) {
            return new Value.Group(null, text.position(), Value.Brackets.SQUARE, List.of(), text.position());
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
        if (value instanceof Value.Group group && group.brackets() == Value.Brackets.NONE) {
            return group;
        }
        throw new ConfigException(
                "expected " + (isJson(value) ? "an object" : "'['") + ", not " + value.describe(), value.position());
    }

    private static int named(RecordShape shape, String key, int position) {
        int index = shape.indexOf(key);
        if (index < 0) {
            throw new ConfigException(
                    "unknown key '" + key + "'" + Suggestion.clause(key, shape.keys()) + ", expected one of "
                            + String.join(", ", shape.keys()),
                    position);
        }
        return index;
    }

    /** The component that an entry without key is for: a flag's name, or the first component's value. */
    private static int bare(RecordShape shape, Value.Group group, int index) {
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
        int named = named(shape, word, entry.position());
        RecordShape.Component component = shape.components.get(named);
        if (!canBeBare(component)) {
            throw new ConfigException(
                    "key '" + word + "' needs a value: expected '='", entry.position() + word.length());
        }
        return named;
    }

    private static boolean isFlag(RecordShape.Component component, Value.Entry entry) {
        return canBeBare(component)
                && entry.value() instanceof Value.Text text
                && text.form() == Value.Form.WORD
                && component.isNamed(text.text());
    }

    private static boolean isBoolean(RecordShape.Component component) {
        return component.raw() == boolean.class || component.raw() == Boolean.class;
    }

    /** A boolean's name means true, a record's the record as it is when nothing is written in it. */
    private static boolean canBeBare(RecordShape.Component component) {
        return isBoolean(component) || component.raw().isRecord() && component.raw() != CpuSet.class;
    }

    private static Object bareValue(RecordShape.Component component, Value.Entry entry) {
        int at = entry.position();
        return isBoolean(component)
                ? true
                : record(new Value.Group(null, at, Value.Brackets.SQUARE, List.of(), at), component.raw());
    }
}
