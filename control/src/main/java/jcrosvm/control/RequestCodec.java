package jcrosvm.control;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import jcrosvm.config.ConfigException;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Value;

/** Requests as packets: variants without fields are JSON strings, others are objects with the variant as only key. */
final class RequestCodec {
    /** Requests of the protocol without fields that need parts this VM does not have. */
    private static final Set<String> UNSUPPORTED = Set.of("MakeRT", "VcpuPidTid", "GetVmDescriptor", "Unregister");

    private static final int MAX_NAME = 40;

    private RequestCodec() {}

    static byte[] encode(Request request) {
        String json = switch (request) {
            case Request.Command command -> '"' + command.json() + '"';
            case Request.Verb(String name, Value body) -> "{\"" + name + "\":" + JsonWriter.compact(body) + "}";
            case Request.Unsupported(String name) -> '"' + name + '"';
            case Request.Malformed(String reason) -> throw new IllegalArgumentException(reason);
        };
        return json.getBytes(StandardCharsets.UTF_8);
    }

    /** Never throws: what cannot be read is {@link Request.Malformed}. */
    static Request decode(byte[] packet) {
        // The requests that are plain names are found without the JSON reader, which need not be loaded for them.
        for (Request.Command command : Request.Command.values()) {
            if (isQuoted(packet, command.json())) {
                return command;
            }
        }
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(packet))
                    .toString();
            return decode(JsonReader.parse(text));
        } catch (CharacterCodingException e) {
            return new Request.Malformed("not UTF-8");
        } catch (ConfigException e) {
            return new Request.Malformed(String.valueOf(e.getMessage()));
        }
    }

    private static Request decode(Value value) {
        String name;
        Value body = value;
        boolean isUnit = false;
        if (value instanceof Value.Text text && text.form() == Value.Form.JSON_STRING) {
            name = text.text();
            isUnit = true;
        } else if (value instanceof Value.Group group
                && group.brackets() == Value.Brackets.OBJECT
                && group.entries().size() == 1) {
            Value.Entry only = group.entries().getFirst();
            name = String.valueOf(only.key());
            body = only.value();
            isUnit = body instanceof Value.Text text && text.form() == Value.Form.JSON_NULL;
        } else {
            return new Request.Malformed("expected a string or an object with one key");
        }
        for (Request.Command command : Request.Command.values()) {
            if (command.json().equals(name)) {
                return isUnit ? command : new Request.Malformed("'" + name + "' has no fields");
            }
        }
        if (UNSUPPORTED.contains(name)) {
            return new Request.Unsupported(name);
        }
        // Which requests with fields there are, the devices know.
        return !isUnit && isName(name)
                ? new Request.Verb(name, body)
                : new Request.Malformed("unknown request '" + shortened(name) + "'");
    }

    // What may be repeated in a message as it is.
    private static boolean isName(String name) {
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z')) {
                return false;
            }
        }
        return !name.isEmpty() && name.length() <= MAX_NAME;
    }

    private static boolean isQuoted(byte[] packet, String name) {
        int last = packet.length - 1;
        if (packet.length != name.length() + 2 || packet[0] != '"' || packet[last] != '"') {
            return false;
        }
        for (int i = 0; i < name.length(); i++) {
            if (packet[i + 1] != name.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    // A client must not be able to fill the log with one packet, or to write control characters there.
    private static String shortened(String name) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < Math.min(MAX_NAME, name.length()); i++) {
            char c = name.charAt(i);
            out.append(Character.isISOControl(c) ? '?' : c);
        }
        return out.append(name.length() > MAX_NAME ? "..." : "").toString();
    }
}
