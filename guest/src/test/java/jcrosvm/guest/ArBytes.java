package jcrosvm.guest;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** An ar archive, right or wrong. */
final class ArBytes {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    ArBytes() {
        text("!<arch>\n");
    }

    ArBytes member(String name, byte[] content) {
        return header(name, Integer.toString(content.length), content, "`\n");
    }

    ArBytes header(String name, String size, byte[] content, String end) {
        text(String.format("%-16s%-12s%-6s%-6s%-8s%-10s%s", name, "0", "0", "0", "100644", size, end));
        bytes.writeBytes(content);
        if (content.length % 2 != 0) {
            text("\n");
        }
        return this;
    }

    byte[] bytes() {
        return bytes.toByteArray();
    }

    private void text(String text) {
        bytes.writeBytes(text.getBytes(StandardCharsets.ISO_8859_1));
    }
}
