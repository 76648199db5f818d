package jcrosvm.config;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Gives a {@link Value} a Java type: booleans, integers, strings, bytes, paths, {@link CpuSet}s, enums, lists, maps with
 * strings for keys, records, and sealed interfaces whose records are enum variants with fields.
 *
 * <p>Of what a user wrote, the first key of a record may be left out, a boolean key alone means true, keys that are
 * unknown or twice there are errors. Components that are not written come from the record's static {@code defaults()},
 * are null, false, 0 or empty without one, or are missed when {@link Required}.
 */
public final class RecordBinder {
    private final boolean saved;

    private RecordBinder(boolean saved) {
        this.saved = saved;
    }

    /**
     * Reads a whole option value or JSON value.
     *
     * @throws ConfigException when it does not fit the type
     */
    public static <T> T bind(Value value, Class<T> type) {
        return type.cast(new RecordBinder(false).read(value, type, 0, Long.MAX_VALUE));
    }

    /**
     * Reads what {@link RecordWriter} wrote, perhaps in an earlier version. Integers without {@link Range} may be
     * negative, null means null, {@link Flat} records have keys of their own. A component whose key is not there comes from the record's {@code defaults()}, and is
     * missed when there are none.
     *
     * @throws ConfigException when it does not fit the type
     */
    public static <T> T bindSaved(Value value, Class<T> type) {
        return type.cast(new RecordBinder(true).read(value, type, Long.MIN_VALUE, Long.MAX_VALUE));
    }

    private Object read(Value value, Type type, long min, long max) {
        if (type instanceof ParameterizedType generic) {
            Type element = generic.getActualTypeArguments()[0];
            if (generic.getRawType() == List.class) {
                return list(value, element, min, max);
            }
            if (generic.getRawType() == Optional.class) {
                return Optional.of(read(value, element, min, max));
            }
            if (generic.getRawType() == Map.class && element == String.class) {
                return map(value, generic.getActualTypeArguments()[1], min, max);
            }
        }
        if (!(type instanceof Class<?> raw)) {
            throw new IllegalArgumentException("cannot bind " + type);
        }
        Value inner = raw.isRecord() && raw != CpuSet.class ? value : Shorthand.single(value);
        if (raw == boolean.class || raw == Boolean.class) {
            return Scalars.bool(inner);
        }
        if (raw == int.class || raw == Integer.class) {
            long least = Math.max(min, Integer.MIN_VALUE);
            return (int) Numbers.read(inner, least, Math.min(max, Integer.MAX_VALUE));
        }
        if (raw == long.class || raw == Long.class) {
            return Numbers.read(inner, min, max);
        }
        if (raw == String.class) {
            return Scalars.string(inner);
        }
        if (raw == byte[].class) {
            return Scalars.bytes(inner);
        }
        if (raw == Path.class) {
            return Scalars.path(inner);
        }
        if (raw == CpuSet.class) {
            return Scalars.cpuSet(inner);
        }
        if (raw == Value.class) {
            return value;
        }
        if (raw.isEnum()) {
            return Scalars.constant(inner, raw);
        }
        if (raw.isSealed()) {
            return variant(inner, raw);
        }
        if (raw.isRecord()) {
            return record(value, raw);
        }
        throw new IllegalArgumentException("cannot bind " + type);
    }

    private List<Object> list(Value value, Type element, long min, long max) {
        List<Object> list = new ArrayList<>();
        for (Value.Entry entry : Shorthand.elements(Shorthand.single(value))) {
            boolean isWord = element == String.class || element == Path.class;
            if (entry.key() != null && !isWord) {
                throw new ConfigException("unexpected key '" + entry.key() + "' in a list", entry.position());
            }
            list.add(read(Shorthand.rejoined(entry), element, min, max));
        }
        return List.copyOf(list);
    }

    private Map<String, Object> map(Value value, Type element, long min, long max) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (Value.Entry entry : Shorthand.fields(value).entries()) {
            String key = entry.key();
            if (key == null) {
                throw new ConfigException(
                        "expected key=value, not " + entry.value().describe(), entry.position());
            }
            if (map.put(key, read(entry.value(), element, min, max)) != null) {
                throw new ConfigException("duplicate key '" + key + "'", entry.position());
            }
        }
        return Collections.unmodifiableMap(map);
    }

    private Object variant(Value value, Class<?> type) {
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
            name = Scalars.nameOf(value);
            fields = Shorthand.empty(value.position());
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
        throw Scalars.unknownName(name, names, value.position());
    }

    private Object record(Value value, Class<?> type) {
        RecordShape shape = RecordShape.of(type);
        @Nullable Object[] values = shape.defaults();
        boolean[] seen = new boolean[values.length];
        Value.Group written = Shorthand.fields(value);
        Value.Group group = saved ? written : readFlat(shape, written, values, seen);
        for (int i = 0; i < group.entries().size(); i++) {
            Value.Entry entry = group.entries().get(i);
            int index = entry.key() == null
                    ? Shorthand.bare(shape, group, i)
                    : Shorthand.named(shape, entry.key(), entry.position(), saved);
            RecordShape.Component component = shape.components.get(index);
            if (seen[index]) {
                throw new ConfigException("duplicate key '" + component.key() + "'", entry.position());
            }
            seen[index] = true;
            if (isNull(entry.value())) {
                values[index] = saved ? empty(component, entry) : values[index];
            } else {
                values[index] = entry.key() == null && Shorthand.isFlag(component, entry)
                        ? bareValue(component, entry)
                        : read(entry.value(), component.type(), component.min(saved), component.max());
            }
        }
        for (int i = 0; i < values.length; i++) {
            RecordShape.Component component = shape.components.get(i);
            boolean isNeeded = component.required() || saved && !shape.hasDefaults();
            if (isNeeded && !seen[i]) {
                throw new ConfigException("missing key '" + component.key() + "'", group.closing());
            }
            if (values[i] == null && component.raw() == Optional.class) {
                values[i] = Optional.empty();
            }
        }
        return create(shape, type, values, value.position());
    }

    private static boolean isNull(Value value) {
        return value instanceof Value.Text text && text.form() == Value.Form.JSON_NULL;
    }

    /** What null stands for; an Optional is made of it later. */
    private static @Nullable Object empty(RecordShape.Component component, Value.Entry entry) {
        if (component.raw().isPrimitive()) {
            throw new ConfigException("key '" + component.key() + "' cannot be null", entry.position());
        }
        return null;
    }

    private Object create(RecordShape shape, Class<?> type, @Nullable Object[] values, int position) {
        try {
            return shape.create(values);
        } catch (IllegalArgumentException e) {
            throw new ConfigException(String.valueOf(e.getMessage()), position);
        } catch (NullPointerException e) {
            if (!saved) {
                throw e;
            }
            throw new ConfigException("null where " + type.getSimpleName() + " needs a value", position);
        }
    }

    /** Reads the components whose keys stand among the record's own; the entries that are left. */
    private Value.Group readFlat(RecordShape shape, Value.Group group, @Nullable Object[] values, boolean[] seen) {
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

    private Object bareValue(RecordShape.Component component, Value.Entry entry) {
        return Shorthand.isBoolean(component) ? true : record(Shorthand.empty(entry.position()), component.raw());
    }
}
