package jcrosvm.config;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.classfile.Annotation;
import java.lang.classfile.AnnotationValue;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.attribute.RecordComponentInfo;
import java.lang.constant.ClassDesc;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A key that a structured option takes, as users are told of it.
 *
 * @param usage {@code ro}, or {@code block-size=N}
 * @param meaning with its default, without a final stop; may be empty
 */
record KeyHelp(String usage, String meaning) {
    private static final ClassDesc HELP = Help.class.describeConstable().orElseThrow();

    /** The keys of an option's type that have a {@link Help}, in order. Empty for one that is no record. */
    static List<KeyHelp> of(Class<?> type) {
        List<KeyHelp> keys = new ArrayList<>();
        if (type.isRecord()) {
            add(keys, type);
        }
        return keys;
    }

    private static void add(List<KeyHelp> keys, Class<?> type) {
        RecordShape shape = RecordShape.of(type);
        Map<String, Text> texts = texts(type);
        @Nullable Object[] defaults = shape.defaults();
        for (int i = 0; i < defaults.length; i++) {
            RecordShape.Component component = shape.components.get(i);
            if (component.flat()) {
                add(keys, component.raw());
                continue;
            }
            Text text = texts.get(component.key());
            if (text != null) {
                keys.add(of(component, text, defaults[i]));
            }
        }
    }

    private static KeyHelp of(RecordShape.Component component, Text help, @Nullable Object preset) {
        String argument = help.argument().isEmpty() ? argument(component.raw(), preset) : help.argument();
        String usage = argument.isEmpty() ? component.key() : component.key() + "=" + argument;
        return new KeyHelp(
                usage, help.value() + preset(preset, argument, help.value().isEmpty() ? "" : " "));
    }

    /** What a {@link Help} says. */
    private record Text(String value, String argument) {}

    /** The {@link Help} of each component that has one, by its key. */
    private static Map<String, Text> texts(Class<?> type) {
        String file = type.getName().substring(type.getPackageName().length() + 1) + ".class";
        Map<String, Text> texts = new HashMap<>();
        try (InputStream in = type.getResourceAsStream(file)) {
            byte[] bytes = Objects.requireNonNull(in, file).readAllBytes();
            for (RecordComponentInfo component : ClassFile.of()
                    .parse(bytes)
                    .findAttribute(Attributes.record())
                    .orElseThrow()
                    .components()) {
                component
                        .findAttribute(Attributes.runtimeInvisibleAnnotations())
                        .flatMap(all -> all.annotations().stream()
                                .filter(annotation -> annotation.classSymbol().equals(HELP))
                                .findFirst())
                        .ifPresent(help -> texts.put(
                                RecordShape.key(type, component.name().stringValue()),
                                new Text(element(help, "value"), element(help, "argument"))));
            }
            return texts;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String element(Annotation help, String name) {
        return help.elements().stream()
                .filter(element -> element.name().equalsString(name))
                .map(element -> element.value() instanceof AnnotationValue.OfString text ? text.stringValue() : "")
                .findFirst()
                .orElse("");
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
