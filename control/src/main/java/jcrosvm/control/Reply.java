package jcrosvm.control;

import java.nio.charset.StandardCharsets;
import jcrosvm.base.Errno;
import jcrosvm.config.ConfigException;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Numbers;
import jcrosvm.config.Value;

/** What the server answers. */
public sealed interface Reply {
    /** The request was carried out. */
    record Ok() implements Reply {
        @Override
        public String toString() {
            return "ok";
        }
    }

    /** It was not: the errno says why. */
    record Err(int errno) implements Reply {
        @Override
        public String toString() {
            return "error: " + Errno.text(errno) + " (" + Errno.name(errno) + ")";
        }
    }

    /** What was asked for, or a reason that is no errno. */
    record Answer(Value value) implements Reply {
        @Override
        public String toString() {
            return JsonWriter.compact(value);
        }
    }

    /**
     * No reply of the protocol.
     *
     * @param text as it came
     */
    record Garbage(String text) implements Reply {
        @Override
        public String toString() {
            return text;
        }
    }

    /** The packet that says this. */
    default byte[] encode() {
        String json = switch (this) {
            case Ok() -> "\"Ok\"";
            case Err(int errno) -> "{\"Err\":" + errno + "}";
            case Answer(Value value) -> JsonWriter.compact(value);
            case Garbage(String text) -> text;
        };
        return json.getBytes(StandardCharsets.UTF_8);
    }

    /** Reads a packet; never throws. */
    static Reply decode(byte[] packet) {
        String json = new String(packet, StandardCharsets.UTF_8);
        if (json.equals("\"Ok\"")) {
            return new Ok(); // without the JSON reader, which need not be loaded for it
        }
        try {
            return of(JsonReader.parse(json));
        } catch (ConfigException e) {
            return new Garbage(json);
        }
    }

    /** What the VM says to a request that it carried out. */
    static Reply of(Value value) {
        if (value instanceof Value.Text text
                && text.form() == Value.Form.JSON_STRING
                && text.text().equals("Ok")) {
            return new Ok();
        }
        if (value instanceof Value.Group group
                && group.brackets() == Value.Brackets.OBJECT
                && group.entries().size() == 1
                && group.entries().getFirst().value() instanceof Value.Text text
                && text.form() == Value.Form.JSON_LITERAL
                && "Err".equals(group.entries().getFirst().key())) {
            return new Err((int) Numbers.parse(text.text(), 0, 0, Integer.MAX_VALUE));
        }
        return new Answer(value);
    }
}
