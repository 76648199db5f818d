package jcrosvm.config;

/** Writes {@link Value}s as JSON, in the compact form and, for people, with indentation. */
public final class JsonWriter {
    private JsonWriter() {}

    public static String compact(Value value) {
        StringBuilder out = new StringBuilder();
        write(out, value, -1);
        return out.toString();
    }

    public static String pretty(Value value) {
        StringBuilder out = new StringBuilder();
        write(out, value, 0);
        return out.toString();
    }

    private static void write(StringBuilder out, Value value, int indent) {
        switch (value) {
            case Value.Text text
            when text.form() == Value.Form.JSON_LITERAL || text.form() == Value.Form.JSON_NULL ->
                out.append(text.text());
            case Value.Text text -> quote(out, text.text());
            case Value.Group group -> group(out, group, indent);
        }
    }

    private static void group(StringBuilder out, Value.Group group, int indent) {
        boolean isObject = group.brackets() == Value.Brackets.OBJECT;
        int inner = indent < 0 ? -1 : indent + 2;
        out.append(isObject ? '{' : '[');
        boolean first = true;
        for (Value.Entry entry : group.entries()) {
            if (!first) {
                out.append(',');
            }
            first = false;
            newLine(out, inner);
            if (entry.key() != null) {
                quote(out, entry.key());
                out.append(indent < 0 ? ":" : ": ");
            }
            write(out, entry.value(), inner);
        }
        if (!first) {
            newLine(out, indent);
        }
        out.append(isObject ? '}' : ']');
    }

    private static void newLine(StringBuilder out, int indent) {
        if (indent >= 0) {
            out.append('\n').repeat(' ', indent);
        }
    }

    /** Appends a JSON string: quotes, backslashes, control characters and lone surrogates are escaped. */
    public static void quote(StringBuilder out, String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c == '\n') {
                out.append("\\n");
            } else if (c < 0x20 || c == 0x7f || isLoneSurrogate(text, i)) {
                out.append("\\u");
                for (int shift = 12; shift >= 0; shift -= 4) {
                    out.append(Character.forDigit(c >> shift & 0xf, 16));
                }
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }

    private static boolean isLoneSurrogate(String text, int i) {
        char c = text.charAt(i);
        if (Character.isHighSurrogate(c)) {
            return i + 1 == text.length() || !Character.isLowSurrogate(text.charAt(i + 1));
        }
        return Character.isLowSurrogate(c) && (i == 0 || !Character.isHighSurrogate(text.charAt(i - 1)));
    }
}
