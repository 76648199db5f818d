package jcrosvm.control;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import jcrosvm.base.io.Fd;
import jcrosvm.config.ConfigException;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Value;
import jcrosvm.vmm.VmRequest;

/** Requests as packets: those without fields are JSON strings, others are objects with the verb as only key. */
final class RequestCodec {
    private static final int MAX_NAME = 40;

    private RequestCodec() {}

    /** The packet of a request; its descriptors go beside it. */
    static byte[] encode(VmRequest request) {
        String name = '"' + request.verb() + '"';
        String json = request.isUnit() ? name : "{" + name + ":" + JsonWriter.compact(request.body()) + "}";
        return json.getBytes(StandardCharsets.UTF_8);
    }

    /** @throws ConfigException when this is no request: its message can be repeated in a log */
    static VmRequest decode(byte[] packet, List<Fd> descriptors) {
        // Plain names need no JSON reader, which is not loaded for them.
        int last = packet.length - 1;
        if (packet.length > 2 && packet[0] == '"' && packet[last] == '"') {
            String name = new String(packet, 1, last - 1, StandardCharsets.ISO_8859_1);
            if (isName(name)) {
                return new VmRequest(name, Value.ofNull(), descriptors);
            }
        }
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(packet))
                    .toString();
            return decode(JsonReader.parse(text), descriptors);
        } catch (CharacterCodingException e) {
            throw new ConfigException("not UTF-8");
        }
    }

    private static VmRequest decode(Value value, List<Fd> descriptors) {
        String name;
        Value body;
        if (value instanceof Value.Text text && text.form() == Value.Form.JSON_STRING) {
            name = text.text();
            body = Value.ofNull();
        } else if (value instanceof Value.Group group
                && group.brackets() == Value.Brackets.OBJECT
                && group.entries().size() == 1) {
            Value.Entry only = group.entries().getFirst();
            name = String.valueOf(only.key());
            body = only.value();
        } else {
            throw new ConfigException("expected a string or an object with one key");
        }
        if (!isName(name)) {
            throw new ConfigException("unknown request '" + shortened(name) + "'");
        }
        return new VmRequest(name, body, descriptors);
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
