package jcrosvm.guest;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * One header block of a tar archive: the fields of POSIX ustar, of GNU tar, or of the seventh edition's tar, that say
 * what follows.
 *
 * @param name path of the member, with the prefix of ustar
 * @param mode permissions, and whatever else the writer put there
 * @param uid number of the owner; names of owners are left alone
 * @param gid number of the group
 * @param size bytes of content that follow, 0 to {@link #MAX_SIZE}
 * @param modified seconds since 1970
 * @param type the type flag
 * @param link target of a link, else most often empty
 */
record TarHeader(String name, int mode, int uid, int gid, long size, long modified, char type, String link) {
    static final int BLOCK = 512;

    /** The most that 11 octal digits say: 8 GiB. A larger file is in no package, and only extensions can claim one. */
    static final long MAX_SIZE = 077777777777L;

    /** Length of the longest path or link target, as PATH_MAX of Linux without the final NUL. */
    static final int MAX_NAME_BYTES = 4095;

    private static final int NAME = 0;
    private static final int MODE = 100;
    private static final int UID = 108;
    private static final int GID = 116;
    private static final int SIZE = 124;
    private static final int MTIME = 136;
    private static final int CHECKSUM = 148;
    private static final int TYPE = 156;
    private static final int LINK = 157;
    private static final int MAGIC = 257;
    private static final int OWNER = 265;
    private static final int PREFIX = 345;
    private static final int PREFIX_END = 500;

    /**
     * Reads a block that is not all zeros.
     *
     * @throws IOException if the checksum or a field is wrong
     */
    static TarHeader parse(byte[] block) throws IOException {
        if (number(block, CHECKSUM, TYPE, "checksum") != checksum(block)) {
            throw new IOException("a header of its tar archive has a wrong checksum");
        }
        String name = utf8(block, NAME, MODE);
        String magic = new String(block, MAGIC, OWNER - MAGIC, StandardCharsets.ISO_8859_1);
        switch (magic) {
            case "ustar\00000" -> {
                String prefix = utf8(block, PREFIX, PREFIX_END);
                name = prefix.isEmpty() ? name : prefix + "/" + name;
            }
            // GNU tar keeps other things in the place of the prefix; the seventh edition's tar had none of it.
            case "ustar  \0", "\0\0\0\0\0\0\0\0" -> {}
            default -> throw new IOException("its tar archive is of an unknown kind, '" + magic + "'");
        }
        return new TarHeader(
                name,
                (int) number(block, MODE, UID, "mode"),
                (int) number(block, UID, GID, "owner"),
                (int) number(block, GID, SIZE, "group"),
                number(block, SIZE, MTIME, "size"),
                number(block, MTIME, CHECKSUM, "time"),
                (char) (block[TYPE] & 0xff),
                utf8(block, LINK, MAGIC));
    }

    /** The sum of all bytes, those of the checksum itself counted as spaces. */
    static int checksum(byte[] block) {
        int sum = ' ' * (TYPE - CHECKSUM);
        for (int i = 0; i < BLOCK; i++) {
            sum += i >= CHECKSUM && i < TYPE ? 0 : block[i] & 0xff;
        }
        return sum;
    }

    /** Text up to a NUL or the end of its field. */
    static String utf8(byte[] bytes, int from, int to) throws IOException {
        int end = from;
        while (end < to && bytes[end] != 0) {
            end++;
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes, from, end - from))
                    .toString();
        } catch (CharacterCodingException e) {
            throw new IOException("a name in its tar archive is not UTF-8", e);
        }
    }

    /**
     * An octal number: spaces, digits, then spaces and NULs. The binary numbers of GNU tar only serve for values that are
     * too large anyway.
     */
    private static long number(byte[] block, int from, int to, String what) throws IOException {
        int i = from;
        while (i < to && block[i] == ' ') {
            i++;
        }
        int digits = i;
        long value = 0;
        while (i < to && block[i] >= '0' && block[i] <= '7') {
            value = value << 3 | (block[i++] - '0');
        }
        boolean valid = i > digits && value <= MAX_SIZE;
        while (i < to) {
            valid &= block[i] == ' ' || block[i] == 0;
            i++;
        }
        if (!valid) {
            String field = new String(block, from, to - from, StandardCharsets.ISO_8859_1).strip();
            throw new IOException("a header of its tar archive has the " + what + " '" + field + "'");
        }
        return value;
    }
}
