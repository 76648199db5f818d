package jcrosvm.disk.zstd;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.raw.ImageFile;

/** Where the frames are in the file and on the disk. Frames without content are left out. */
final class SeekTable {
    static final int MAX_FRAME = 64 << 20;

    private static final int SEEKABLE_MAGIC = 0x8f92eab1;
    private static final int SKIPPABLE_MAGIC = 0x184d2a5e;
    private static final int SKIPPABLE_HEADER = 8;
    private static final int FOOTER = 9;
    private static final int RESERVED_BITS = 0x7c;
    private static final int MAX_FRAMES = 4 << 20;
    /** Frames read at a time. */
    private static final int BATCH = 8192;

    private final long[] starts;
    private final long[] positions;
    private final int[] packed;
    private int count;
    private long length;

    private SeekTable(int frames) {
        starts = new long[frames];
        positions = new long[frames];
        packed = new int[frames];
    }

    static SeekTable read(ImageFile file) {
        long size = file.size();
        if (size < SKIPPABLE_HEADER + FOOTER) {
            throw noTable(file);
        }
        ByteBuffer footer = bytes(file, size - FOOTER, FOOTER);
        if (footer.getInt(5) != SEEKABLE_MAGIC) {
            throw noTable(file);
        }
        long frames = footer.getInt(0) & 0xffff_ffffL;
        int descriptor = footer.get(4);
        if ((descriptor & RESERVED_BITS) != 0) {
            throw damaged(file, "its seek table has features that are unknown");
        }
        if (frames > MAX_FRAMES) {
            throw damaged(file, frames + " frames; at most " + MAX_FRAMES + " are supported");
        }
        int entry = descriptor < 0 ? 12 : 8; // with checksums, which are not looked at
        long content = frames * entry + FOOTER;
        long start = size - content - SKIPPABLE_HEADER;
        if (start < 0) {
            throw damaged(file, "its seek table says that it is longer than the file");
        }
        ByteBuffer header = bytes(file, start, SKIPPABLE_HEADER);
        if (header.getInt(0) != SKIPPABLE_MAGIC || (header.getInt(4) & 0xffff_ffffL) != content) {
            throw damaged(file, "its seek table has no head");
        }
        file.reserve(frames * (2 * Long.BYTES + Integer.BYTES));
        SeekTable table = new SeekTable((int) frames);
        long mostPacked = 0;
        long mostPlain = 0;
        long position = 0;
        for (int i = 0; i < frames; i += BATCH) {
            int n = (int) Math.min(BATCH, frames - i);
            ByteBuffer entries = bytes(file, start + SKIPPABLE_HEADER + (long) i * entry, n * entry);
            for (int k = 0; k < n; k++) {
                long packed = entries.getInt(k * entry) & 0xffff_ffffL;
                long plain = entries.getInt(k * entry + 4) & 0xffff_ffffL;
                if (packed > start - position) {
                    throw damaged(file, "its seek table leads beyond its frames");
                }
                if (plain > 0) {
                    if (plain > MAX_FRAME || packed > MAX_FRAME) {
                        throw damaged(
                                file, "frames of " + plain + " bytes; at most " + MAX_FRAME + " can be kept in memory");
                    }
                    table.add(position, (int) packed, plain);
                    mostPacked = Math.max(mostPacked, packed);
                    mostPlain = Math.max(mostPlain, plain);
                }
                position += packed;
            }
        }
        file.reserve(mostPacked + mostPlain); // one frame, as it is unpacked
        return table;
    }

    private static ByteBuffer bytes(ImageFile file, long at, int length) {
        return ByteBuffer.wrap(file.bytes(at, length)).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static DiskException noTable(ImageFile file) {
        return new DiskException(
                "cannot open " + file + " as zstd: there is no seek table at its end; an image that is compressed"
                        + " otherwise has to be decompressed, or compressed in the seekable format");
    }

    private static DiskException damaged(ImageFile file, String what) {
        return new DiskException("cannot open the zstd image " + file + ": " + what);
    }

    private void add(long position, int packedSize, long plain) {
        starts[count] = length;
        positions[count] = position;
        packed[count] = packedSize;
        count++;
        length += plain;
    }

    /** Bytes on the disk. */
    long length() {
        return length;
    }

    /** The frame that holds a byte of the disk. */
    int frameAt(long offset) {
        int found = Arrays.binarySearch(starts, 0, count, offset);
        return found >= 0 ? found : -found - 2;
    }

    long start(int frame) {
        return starts[frame];
    }

    /** Bytes of the disk in a frame. */
    int size(int frame) {
        return (int) ((frame + 1 < count ? starts[frame + 1] : length) - starts[frame]);
    }

    /** Where in the file it is. */
    long position(int frame) {
        return positions[frame];
    }

    /** Bytes in the file. */
    int packedSize(int frame) {
        return packed[frame];
    }
}
