package jcrosvm.guest;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Reads the tar archives in Debian packages, member by member: ustar, GNU tar with its long names, and pax.
 *
 * <p>It is strict: whatever it does not know, and whatever two readers could understand differently, is an error. Paths
 * and links are handed on as they stand in the archive, wherever they lead.
 */
final class TarReader {
    /**
     * A member.
     *
     * @param path not empty, without NUL, at most {@link TarHeader#MAX_NAME_BYTES} long
     * @param permissions the lower 12 bits of {@code st_mode}
     * @param uid number of the owner
     * @param gid number of the group
     * @param modified seconds since 1970
     * @param size bytes of a file, else 0
     * @param link target of a link, else empty
     * @param content can be read until the next member is asked for
     */
    record Member(
            String path,
            DebianPackage.Type type,
            int permissions,
            int uid,
            int gid,
            long modified,
            long size,
            String link,
            MemberContent content) {}

    /** Far more than any package has; a small archive of good compression could hold millions. */
    static final int MAX_MEMBERS = 1 << 20;

    // Extended attributes may take some hundred KiB, names never.
    private static final int MAX_PAX_BYTES = 1 << 20;
    // Archives are filled up with zeros to a multiple of the block size of a tape; the usual is 10 KiB.
    private static final int MAX_FILL_BYTES = 1 << 20;

    private final InputStream in;
    private final byte[] block = new byte[TarHeader.BLOCK];
    private @Nullable Member current;
    private int members;
    private boolean ended;

    // Said by extra headers about the next member.
    private @Nullable String longName;
    private @Nullable String longLink;
    private @Nullable PaxRecords pax;

    /**
     * Makes a reader.
     *
     * @param in stays open, and is read to its end, for a decompressor to check its sums
     */
    TarReader(InputStream in) {
        this.in = in;
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
            skipPadding(current.size());
            current = null;
        }
        while (!ended) {
            readBlock();
            if (isZero(block.length)) {
                end();
                break;
            }
            TarHeader header = TarHeader.parse(block);
            switch (header.type()) {
                case 'L' -> longName = once(longName, longText(header));
                case 'K' -> longLink = once(longLink, longText(header));
                case 'x' -> pax = once(pax, PaxRecords.parse(extra(header, MAX_PAX_BYTES)));
                case 'g' -> {
                    if (!PaxRecords.parse(extra(header, MAX_PAX_BYTES)).isEmpty()) {
                        throw new IOException("its tar archive gives all of its members one name or size");
                    }
                }
                default -> {
                    current = member(header);
                    return current;
                }
            }
        }
        return null;
    }

    private Member member(TarHeader header) throws IOException {
        if (++members > MAX_MEMBERS) {
            throw new IOException("its tar archive has more than " + MAX_MEMBERS + " members");
        }
        PaxRecords said = pax == null ? PaxRecords.NONE : pax;
        String path = first(said.path(), longName, header.name());
        String link = first(said.link(), longLink, header.link());
        long size = said.size() < 0 ? header.size() : said.size();
        longName = null;
        longLink = null;
        pax = null;
        if (path.isEmpty()) {
            throw new IOException("its tar archive has a member without a name");
        }
        DebianPackage.Type type = type(header.type(), path);
        boolean linked = type == DebianPackage.Type.SYMLINK || type == DebianPackage.Type.HARD_LINK;
        if (linked && link.isEmpty()) {
            throw new IOException("'" + path + "' in its tar archive is a link to nothing");
        }
        // Readers disagree on whether content follows.
        if (type != DebianPackage.Type.FILE && size != 0) {
            throw new IOException("'" + path + "' in its tar archive is no file, but has " + size + " bytes");
        }
        return new Member(
                path,
                type,
                header.mode() & 07777,
                header.uid(),
                header.gid(),
                header.modified(),
                size,
                linked ? link : "",
                new MemberContent(in, path, size));
    }

    private static DebianPackage.Type type(char flag, String path) throws IOException {
        return switch (flag) {
            // Before there was a flag for directories, a slash told them.
            case '0', '\0' -> path.endsWith("/") ? DebianPackage.Type.DIRECTORY : DebianPackage.Type.FILE;
            case '1' -> DebianPackage.Type.HARD_LINK;
            case '2' -> DebianPackage.Type.SYMLINK;
            case '3', '4', '6' -> DebianPackage.Type.SPECIAL;
            case '5' -> DebianPackage.Type.DIRECTORY;
            case '7' -> DebianPackage.Type.FILE;
            default -> throw new IOException("'" + path + "' in its tar archive is of an unknown type, '" + flag + "'");
        };
    }

    private static String first(@Nullable String pax, @Nullable String gnu, String header) {
        return pax != null ? pax : gnu != null ? gnu : header;
    }

    private static <T> T once(@Nullable T before, T now) throws IOException {
        if (before != null) {
            throw new IOException("its tar archive has a member with two headers of one kind");
        }
        return now;
    }

    private String longText(TarHeader header) throws IOException {
        byte[] bytes = extra(header, TarHeader.MAX_NAME_BYTES + 1);
        String text = TarHeader.utf8(bytes, 0, bytes.length);
        // Most writers count a final NUL.
        if (text.getBytes(StandardCharsets.UTF_8).length < bytes.length - 1) {
            throw new IOException("a long name in its tar archive has a NUL within");
        }
        return text;
    }

    /** The content of a header that is about the next member. */
    private byte[] extra(TarHeader header, int limit) throws IOException {
        if (header.size() > limit) {
            throw new IOException("its tar archive has a name or an extended header of " + header.size() + " bytes");
        }
        int size = (int) header.size();
        // Grows with what is there, so that a short file cannot ask for much memory.
        byte[] bytes = in.readNBytes(size);
        if (bytes.length < size) {
            throw truncated();
        }
        skipPadding(size);
        return bytes;
    }

    private void skipPadding(long size) throws IOException {
        int padding = (int) (-size & (TarHeader.BLOCK - 1));
        if (in.readNBytes(block, 0, padding) < padding) {
            throw truncated();
        }
    }

    private void readBlock() throws IOException {
        if (in.readNBytes(block, 0, block.length) < block.length) {
            throw truncated();
        }
    }

    /** Two blocks of zeros end an archive, more may fill it up. */
    private void end() throws IOException {
        if (longName != null || longLink != null || pax != null) {
            throw new IOException("its tar archive ends between two headers of a member");
        }
        ended = true;
        readBlock();
        int length = block.length;
        for (int fill = 0; length > 0; fill += length) {
            if (!isZero(length) || fill > MAX_FILL_BYTES) {
                throw new IOException("its tar archive goes on after its end");
            }
            length = in.readNBytes(block, 0, block.length);
        }
    }

    private boolean isZero(int length) {
        for (int i = 0; i < length; i++) {
            if (block[i] != 0) {
                return false;
            }
        }
        return true;
    }

    private static EOFException truncated() {
        return new EOFException("its tar archive is cut off");
    }
}
