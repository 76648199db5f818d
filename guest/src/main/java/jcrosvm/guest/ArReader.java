package jcrosvm.guest;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Reads the ar archives that Debian packages are (deb(5)): no symbol tables, no names longer than the header's 16
 * bytes, which the variants of ar(5) write in different ways.
 */
final class ArReader {
    /**
     * A member.
     *
     * @param content can be read until the next member is asked for
     */
    record Member(String name, long size, MemberContent content) {}

    private static final byte[] MAGIC = "!<arch>\n".getBytes(StandardCharsets.US_ASCII);
    private static final int HEADER_BYTES = 60;
    private static final int NAME_BYTES = 16;
    private static final int SIZE_OFFSET = 48;
    private static final int END_OFFSET = 58;

    private final InputStream in;
    private @Nullable Member current;

    /**
     * Reads the start of an archive.
     *
     * @param in stays open
     * @throws IOException if it is no ar archive
     */
    ArReader(InputStream in) throws IOException {
        this.in = in;
        if (!Arrays.equals(in.readNBytes(MAGIC.length), MAGIC)) {
            throw new IOException("it is no ar archive");
        }
    }

    /**
     * The next member, or null at the end.
     *
     * @throws IOException if the archive is damaged
     */
    @Nullable
    Member next() throws IOException {
        if (current != null) {
            current.content().skipRest();
            // Headers are at even offsets.
            if ((current.size() & 1) != 0 && in.read() < 0) {
                throw new EOFException("it ends within '" + current.name() + "'");
            }
            current = null;
        }
        byte[] header = in.readNBytes(HEADER_BYTES);
        if (header.length == 0) {
            return null;
        }
        if (header.length < HEADER_BYTES) {
            throw new EOFException("it ends within a header of its ar archive");
        }
        if (header[END_OFFSET] != '`' || header[END_OFFSET + 1] != '\n') {
            throw new IOException("a header of its ar archive is damaged");
        }
        String name = name(text(header, 0, NAME_BYTES));
        long size = size(name, text(header, SIZE_OFFSET, END_OFFSET));
        current = new Member(name, size, new MemberContent(in, name, size));
        return current;
    }

    private static String name(String field) throws IOException {
        // GNU ar ends names with a slash, dpkg-deb does not. A slash elsewhere, or "#1/", announces a long name.
        String name = field.endsWith("/") ? field.substring(0, field.length() - 1) : field;
        if (name.isEmpty() || name.indexOf('/') >= 0 || name.chars().anyMatch(c -> c <= ' ' || c > '~')) {
            throw new IOException("its ar archive has a member '" + field + "', a name that no Debian package has");
        }
        return name;
    }

    private static long size(String name, String field) throws IOException {
        if (field.isEmpty() || field.chars().anyMatch(c -> c < '0' || c > '9')) {
            throw new IOException("'" + name + "' of its ar archive has the size '" + field + "'");
        }
        return Long.parseLong(field);
    }

    /** A field without the spaces that fill it up. */
    private static String text(byte[] header, int from, int to) {
        int end = to;
        while (end > from && header[end - 1] == ' ') {
            end--;
        }
        return new String(header, from, end - from, StandardCharsets.ISO_8859_1);
    }
}
