package jcrosvm.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A key that a structured option takes, as users are told of it.
 *
 * @param usage {@code ro}, or {@code block-size=N}
 * @param meaning with its default, without a final stop; may be empty
 */
record KeyHelp(String usage, String meaning) {
    /** The keys of an option's type that have a {@link Help}, in order. Empty for one that is no record. */
    static List<KeyHelp> of(Class<?> type) {
        List<KeyHelp> keys = new ArrayList<>();
        if (type.isRecord()) {
            add(keys, RecordShape.of(type));
        }
        return keys;
    }

    private static void add(List<KeyHelp> keys, RecordShape shape) {
        @Nullable Object[] defaults = shape.defaults();
        for (int i = 0; i < defaults.length; i++) {
            RecordShape.Component component = shape.components.get(i);
            if (component.flat()) {
                add(keys, RecordShape.of(component.raw()));
            } else if (component.help() != null) {
                keys.add(of(component, component.help(), defaults[i]));
            }
        }
    }

    private static KeyHelp of(RecordShape.Component component, Help help, @Nullable Object preset) {
        String argument = help.argument().isEmpty() ? argument(component.raw(), preset) : help.argument();
        String usage = argument.isEmpty() ? component.key() : component.key() + "=" + argument;
        return new KeyHelp(
                usage, help.value() + preset(preset, argument, help.value().isEmpty() ? "" : " "));
    }

    private static String argument(Class<?> type, @Nullable Object preset) {
        if (type == boolean.class || type == Boolean.class) {
            return Boolean.FALSE.equals(preset) ? "" : "BOOL";
        }
        if (type.isPrimitive() || Number.class.isAssignableFrom(type)) {
            return "N";
        }
        if (type.isEnum()) {
            return Arrays.stream(type.getEnumConstants())
                    .map(constant -> RecordShape.kebab(((Enum<?>) constant).name()))
                    .collect(Collectors.joining("|"));
        }
        if (type.isRecord()) {
            return of(type).stream().map(KeyHelp::usage).collect(Collectors.joining(", ", "[", "]"));
        }
        return type == Path.class ? "PATH" : List.class.isAssignableFrom(type) || type == Map.class ? "[...]" : "TEXT";
    }

    /** What holds where the key is not written, if that can be said in a word. */
    private static String preset(@Nullable Object value, String argument, String before) {
        return switch (value) {
            case Number number when argument.equals("PORT") -> before + "(default 0x%x)".formatted(number.longValue());
            case Boolean on when on -> before + "(default true)";
            case Number number when number.longValue() != 0 -> before + "(default " + number + ")";
            case Enum<?> constant -> before + "(default " + RecordShape.kebab(constant.name()) + ")";
            case null, default -> "";
        };
    }

    @Override
    public String toString() {
        return meaning.isEmpty() ? usage : usage + (meaning.startsWith("(") ? " " : ": ") + meaning;
    }
}
