package jcrosvm.config;

import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/** Gives one word a Java type; bytes and sets of CPUs may take several. */
final class Scalars {
    private Scalars() {}

    static boolean bool(Value value) {
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

    static String string(Value value) {
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

    static Path path(Value value) {
        String text = string(value);
        if (text.isEmpty() || text.indexOf('\0') >= 0) {
            throw new ConfigException("expected a path, not " + value.describe(), value.position());
        }
        return Path.of(text);
    }

    static CpuSet cpuSet(Value value) {
        if (value instanceof Value.Text text && text.form() != Value.Form.JSON_NULL) {
            return CpuSet.parse(text.text(), text.position());
        }
        List<Integer> cpus = new ArrayList<>();
        for (Value.Entry entry : Shorthand.elements(value)) {
            if (!(Shorthand.rejoined(entry) instanceof Value.Text text)) {
                throw new ConfigException("expected CPU numbers", entry.position());
            }
            CpuSet.addRange(cpus, text.text(), text.position());
        }
        return new CpuSet(cpus);
    }

    /** Hexadecimal digits, in one string or in several. */
    static byte[] bytes(Value value) {
        if (value instanceof Value.Text) {
            return hex(value);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (Value.Entry entry : Shorthand.elements(value)) {
            bytes.writeBytes(hex(Shorthand.rejoined(entry)));
        }
        return bytes.toByteArray();
    }

    private static byte[] hex(Value value) {
        String text = string(value);
        try {
            return HexFormat.of().parseHex(text);
        } catch (IllegalArgumentException e) {
            throw new ConfigException("expected pairs of hexadecimal digits", value.position());
        }
    }

    static Object constant(Value value, Class<?> type) {
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

    static ConfigException unknownName(String name, List<String> names, int position) {
        return new ConfigException(
                "unknown value '" + name + "'" + Suggestion.clause(name, names) + ", expected one of "
                        + String.join(", ", names),
                position);
    }

    static String nameOf(Value value) {
        if (value instanceof Value.Text text
                && (text.form() == Value.Form.JSON_STRING || KeyValueParser.isIdentifier(text.text()))
                && text.form() != Value.Form.QUOTED) {
            return text.text();
        }
        throw new ConfigException("expected a name, not " + value.describe(), value.position());
    }
}
