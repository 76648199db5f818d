package jcrosvm.config;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Writes a record as a {@link Value}, which {@link JsonWriter} makes text of: the inverse of
 * {@link RecordBinder#bindSaved}. Every component is written under its key, in order, whatever its default; null is null.
 * Bytes are hexadecimal, sixteen to a string, so that a diff of two texts shows which ones differ.
 *
 * <p>{@link RecordBinder#bind} reads it too where no component is {@link Flat}, and none is null whose default is not.
 */
public final class RecordWriter {
    private static final int BYTES_PER_STRING = 16;

    private RecordWriter() {}

    /** Writes a record. */
    public static Value write(Record record) {
        RecordShape shape = RecordShape.of(record.getClass());
        @Nullable Object[] values = shape.values(record);
        List<Value.Entry> entries = new ArrayList<>();
        for (int i = 0; i < values.length; i++) {
            RecordShape.Component component = shape.components.get(i);
            entries.add(new Value.Entry(component.key(), any(values[i], component.type())));
        }
        return Value.object(entries);
    }

    /** Writes a value of a type that {@link RecordBinder} can bind, such as a sealed interface of records. */
    public static Value write(Object value, Class<?> type) {
        return any(value, type);
    }

    private static Value any(@Nullable Object value, Type type) {
        Type element = type instanceof ParameterizedType generic ? last(generic.getActualTypeArguments()) : type;
        return switch (value) {
            case null -> Value.ofNull();
            case Optional<?> optional -> any(optional.orElse(null), element);
            case List<?> list ->
                array(list.stream().map(item -> any(item, element)).toList());
            case Map<?, ?> map ->
                Value.object(map.entrySet().stream()
                        .map(entry -> new Value.Entry(String.valueOf(entry.getKey()), any(entry.getValue(), element)))
                        .toList());
            case Boolean bool -> Value.literal(bool.toString());
            case Integer number -> Value.literal(number.toString());
            case Long number -> Value.literal(number.toString());
            case byte[] bytes -> bytes(bytes);
            case CpuSet set ->
                set.cpus().isEmpty()
                        ? array(List.of())
                        : array(Stream.of(set.toString().split(","))
                                .map(Value::string)
                                .toList());
            case Enum<?> constant -> Value.string(RecordShape.kebab(constant.name()));
            case Value written -> written;
            case Record record
            when type instanceof Class<?> raw && raw.isSealed() ->
                Value.object(List.of(
                        new Value.Entry(RecordShape.kebab(record.getClass().getSimpleName()), write(record))));
            case Record record -> write(record);
            default -> Value.string(value.toString());
        };
    }

    private static Type last(Type[] types) {
        return types[types.length - 1];
    }

    private static Value bytes(byte[] bytes) {
        if (bytes.length <= BYTES_PER_STRING) {
            return Value.string(HexFormat.of().formatHex(bytes));
        }
        List<Value> lines = new ArrayList<>();
        for (int at = 0; at < bytes.length; at += BYTES_PER_STRING) {
            int end = Math.min(bytes.length, at + BYTES_PER_STRING);
            lines.add(Value.string(HexFormat.of().formatHex(Arrays.copyOfRange(bytes, at, end))));
        }
        return array(lines);
    }

    private static Value array(List<? extends Value> elements) {
        List<Value.Entry> entries = elements.stream()
                .map(element -> new Value.Entry(null, Value.NO_POSITION, element))
                .toList();
        return new Value.Group(null, Value.NO_POSITION, Value.Brackets.ARRAY, entries, Value.NO_POSITION);
    }
}
