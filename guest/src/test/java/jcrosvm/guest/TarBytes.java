package jcrosvm.guest;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** A tar archive, right or wrong. */
final class TarBytes {
    private static final int BLOCK = 512;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    TarBytes file(String path, String content) {
        return member(path, '0', content, "");
    }

    TarBytes symlink(String path, String target) {
        return member(path, '2', "", target);
    }

    TarBytes hardLink(String path, String target) {
        return member(path, '1', "", target);
    }

    /** Adds an extended header of the given type, with the length of each record in front of it. */
    TarBytes pax(char type, String... records) {
        StringBuilder content = new StringBuilder();
        for (String record : records) {
            int rest = record.getBytes(StandardCharsets.UTF_8).length + 2;
            int length = rest + 1;
            while (Integer.toString(length).length() + rest != length) {
                length++;
            }
            content.append(length).append(' ').append(record).append('\n');
        }
        return member("pax", type, content.toString(), "");
    }

    TarBytes member(String path, char type, String content, String link) {
        byte[] data = content.getBytes(StandardCharsets.UTF_8);
        return member(path, type, Integer.toOctalString(data.length), content, link);
    }

    /** Adds a member with any text as its size. */
    TarBytes member(String path, char type, String size, String content, String link) {
        byte[] header = new byte[BLOCK];
        put(header, 0, path);
        put(header, 100, "0000644\0");
        put(header, 108, "0000000\0");
        put(header, 116, "0000000\0");
        put(header, 124, size);
        put(header, 136, "00000000000\0");
        header[156] = (byte) type;
        put(header, 157, link);
        put(header, 257, "ustar\00000");
        return block(header).content(content);
    }

    /** Adds a header, with the right checksum. */
    TarBytes block(byte[] header) {
        bytes.writeBytes(sealed(header));
        return this;
    }

    TarBytes content(String content) {
        byte[] data = content.getBytes(StandardCharsets.UTF_8);
        bytes.writeBytes(data);
        bytes.writeBytes(new byte[-data.length & (BLOCK - 1)]);
        return this;
    }

    byte[] bytes() {
        return bytes.toByteArray();
    }

    byte[] ended() {
        bytes.writeBytes(new byte[2 * BLOCK]);
        return bytes();
    }

    /** Writes the right checksum to a header. */
    static byte[] sealed(byte[] header) {
        put(header, 148, "        ");
        int sum = 0;
        for (byte b : header) {
            sum += b & 0xff;
        }
        put(header, 148, String.format("%06o\0 ", sum));
        return header;
    }

    static void put(byte[] header, int offset, String text) {
        byte[] field = text.getBytes(StandardCharsets.UTF_8);
        System.arraycopy(field, 0, header, offset, field.length);
    }
}
