package jcrosvm.boot.kernel;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The header in a Multiboot image (Multiboot Specification 0.6.96, section 3.1).
 *
 * @param position in the file
 */
record MultibootHeader(
        int position, int flags, long headerAddress, long loadAddress, long loadEnd, long bssEnd, long entry) {
    private static final int MAGIC = 0x1bad_b002;
    private static final int SEARCH = 8192;
    private static final int SIZE = 12;
    private static final int FULL_SIZE = 32;
    private static final int ADDRESS_FIELDS = 1 << 16;
    /** Requirements 0 to 2 are page-aligned modules, memory information, and video mode, which is only a wish. */
    private static final int KNOWN_REQUIREMENTS = 7;

    /** The header, or null if the file has none. */
    static @Nullable MultibootHeader find(ImageFile image) {
        ByteBuffer head = image.buffer(0, (int) Math.min(SEARCH, image.size()));
        for (int at = 0; at + SIZE <= head.limit(); at += 4) {
            int flags = head.getInt(at + 4);
            if (head.getInt(at) != MAGIC || MAGIC + flags + head.getInt(at + 8) != 0) {
                continue;
            }
            if ((flags & ADDRESS_FIELDS) == 0) {
                return new MultibootHeader(at, flags, 0, 0, 0, 0, 0);
            }
            if (at + FULL_SIZE <= head.limit()) {
                return new MultibootHeader(
                        at,
                        flags,
                        unsigned(head, at + 12),
                        unsigned(head, at + 16),
                        unsigned(head, at + 20),
                        unsigned(head, at + 24),
                        unsigned(head, at + 28));
            }
        }
        return null;
    }

    private static long unsigned(ByteBuffer head, int at) {
        return head.getInt(at) & 0xffff_ffffL;
    }

    boolean hasAddresses() {
        return (flags & ADDRESS_FIELDS) != 0;
    }

    /** Fails if the image asks for something that no loader can know. */
    void requireKnown(ImageFile image) {
        int unknown = flags & 0xffff & ~KNOWN_REQUIREMENTS;
        if (unknown != 0) {
            throw image.bad("Multiboot header requires unknown features 0x%x".formatted(unknown));
        }
    }
}
