package jcrosvm.config;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/**
 * Parses JSON to {@link Value}s, whose positions count characters. Numbers keep their spelling. The JSON library is
 * loaded with the first use of this class.
 */
public final class JsonReader {
    private static final int MAX_DEPTH = 64;
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(
                    StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private JsonReader() {}

    /**
     * Parses a text that holds one value and nothing else.
     *
     * @throws ConfigException with the position of the failure
     */
    public static Value parse(String json) {
        try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), json)) {
            JsonToken first = parser.nextToken();
            if (first == null) {
                throw new ConfigException("empty JSON text", 0);
            }
            Value value = value(parser, first);
            if (parser.nextToken() != null) {
                throw new ConfigException("remaining characters after the JSON value", position(parser));
            }
            return value;
        } catch (JacksonException e) {
            long offset = e.getLocation() == null ? -1 : e.getLocation().getCharOffset();
            throw new ConfigException(plain(e.getOriginalMessage()), (int) Math.min(offset, json.length()));
        }
    }

    /** The library's message on one line, without places (the exception's own has one) and its advice about settings. */
    private static String plain(String message) {
        int end = message.indexOf('\n');
        String line = end < 0 ? message : message.substring(0, end);
        return "not JSON: "
                + line.replaceFirst(" \\(start marker at .*", "")
                        .replaceFirst(", from `.*`", "")
                        .replaceAll("\\[Source: .*\\]", "");
    }

    private static int position(JsonParser parser) {
        return (int) parser.currentTokenLocation().getCharOffset();
    }

    private static Value value(JsonParser parser, JsonToken token) {
        int position = position(parser);
        return switch (token) {
            case START_OBJECT -> {
                List<Value.Entry> entries = new ArrayList<>();
                while (next(parser) == JsonToken.PROPERTY_NAME) {
                    String key = parser.currentName();
                    int at = position(parser);
                    entries.add(new Value.Entry(key, at, value(parser, next(parser))));
                }
                yield new Value.Group(null, position, Value.Brackets.OBJECT, entries, position(parser));
            }
            case START_ARRAY -> {
                List<Value.Entry> entries = new ArrayList<>();
                for (JsonToken t = next(parser); t != JsonToken.END_ARRAY; t = next(parser)) {
                    entries.add(new Value.Entry(null, position(parser), value(parser, t)));
                }
                yield new Value.Group(null, position, Value.Brackets.ARRAY, entries, position(parser));
            }
            case VALUE_STRING -> new Value.Text(parser.getString(), position, Value.Form.JSON_STRING);
            case VALUE_NULL -> new Value.Text("null", position, Value.Form.JSON_NULL);
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT, VALUE_TRUE, VALUE_FALSE ->
                new Value.Text(parser.getString(), position, Value.Form.JSON_LITERAL);
            case NOT_AVAILABLE, END_OBJECT, END_ARRAY, PROPERTY_NAME, VALUE_EMBEDDED_OBJECT ->
                throw new ConfigException("not JSON: unexpected " + token, position);
        };
    }

    private static JsonToken next(JsonParser parser) {
        JsonToken token = parser.nextToken();
        if (token == null) {
            throw new ConfigException("not JSON: unexpected end", position(parser));
        }
        return token;
    }
}
