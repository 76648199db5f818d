package jcrosvm.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * What an extended header of pax says about the member after it: records of the form "LENGTH KEY=VALUE\n", where the
 * length in decimal counts the whole record.
 *
 * @param path in place of the header's name, or null
 * @param link in place of the header's link target, or null
 * @param size in place of the header's size, or -1
 */
record PaxRecords(@Nullable String path, @Nullable String link, long size) {
    static final PaxRecords NONE = new PaxRecords(null, null, -1);

    // Of a length; a longer one is beyond any header that is read.
    private static final int MAX_DIGITS = 9;

    /** Whether nothing is said that a reader of paths, links and contents has to know. */
    boolean isEmpty() {
        return equals(NONE);
    }

    /**
     * Reads the content of an extended header; times, owners and attributes are passed over.
     *
     * @throws IOException if it is damaged, or announces a sparse file, whose content is not the file's
     */
    static PaxRecords parse(byte[] bytes) throws IOException {
        String path = null;
        String link = null;
        long size = -1;
        int start = 0;
        while (start < bytes.length) {
            int key = start;
            int length = 0;
            while (key < bytes.length && key - start < MAX_DIGITS && bytes[key] >= '0' && bytes[key] <= '9') {
                length = length * 10 + bytes[key++] - '0';
            }
            int last = start + length - 1;
            if (key == start || last <= key || last >= bytes.length || bytes[key] != ' ' || bytes[last] != '\n') {
                throw new IOException("an extended header of its tar archive is damaged");
            }
            int equals = ++key;
            while (equals < last && bytes[equals] != '=') {
                equals++;
            }
            if (equals == key || equals == last) {
                throw new IOException("an extended header of its tar archive has a record without a key");
            }
            String name = new String(bytes, key, equals - key, StandardCharsets.ISO_8859_1);
            switch (name) {
                case "path" -> path = text(bytes, equals + 1, last);
                case "linkpath" -> link = text(bytes, equals + 1, last);
                case "size" -> size = size(text(bytes, equals + 1, last));
                default -> {
                    if (name.startsWith("GNU.sparse.")) {
                        throw new IOException("its tar archive has a sparse file, which no Debian package has");
                    }
                }
            }
            start = last + 1;
        }
        return new PaxRecords(path, link, size);
    }

    private static String text(byte[] bytes, int from, int to) throws IOException {
        String text = TarHeader.utf8(bytes, from, to);
        // Text stops at a NUL, which no name can hold: what stands behind it would be lost without a word.
        if (text.isEmpty()
                || to - from > TarHeader.MAX_NAME_BYTES
                || text.getBytes(StandardCharsets.UTF_8).length != to - from) {
            throw new IOException("an extended header of its tar archive has a value that cannot be");
        }
        return text;
    }

    private static long size(String text) throws IOException {
        // 11 digits are enough for the largest size and cannot overflow.
        if (text.length() > 11
                || text.chars().anyMatch(c -> c < '0' || c > '9')
                || Long.parseLong(text) > TarHeader.MAX_SIZE) {
            throw new IOException("an extended header of its tar archive has the size '" + text + "'");
        }
        return Long.parseLong(text);
    }
}
