package jcrosvm.disk;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import jcrosvm.disk.raw.ImageFile;

/** Tells an image's format from its first bytes. No format's beginning holds a zero. */
final class FormatProbe {
    private static final byte[] COMPOSITE = "composite_disk\u001d".getBytes(StandardCharsets.US_ASCII);
    private static final int QCOW = 0x514649fb; // big-endian, as all of that format
    private static final int ANDROID_SPARSE = 0xed26ff3a;
    private static final int ZSTD_FRAME = 0xfd2fb528;
    private static final int ZSTD_SKIPPABLE = 0x184d2a50;
    private static final int ZSTD_SKIPPABLE_MASK = 0xfffffff0;

    /** Bytes that it looks at. */
    static final int LENGTH = COMPOSITE.length;

    private FormatProbe() {}

    static DiskFormat of(ImageFile file) {
        return of(file.bytes(0, (int) Math.min(LENGTH, file.size())));
    }

    static DiskFormat of(byte[] start) {
        if (start.length >= 4) {
            ByteBuffer buffer = ByteBuffer.wrap(start);
            int magic = buffer.order(ByteOrder.LITTLE_ENDIAN).getInt(0);
            if (buffer.order(ByteOrder.BIG_ENDIAN).getInt(0) == QCOW) {
                return DiskFormat.QCOW2;
            }
            if (magic == ANDROID_SPARSE) {
                return DiskFormat.ANDROID_SPARSE;
            }
            if (magic == ZSTD_FRAME || (magic & ZSTD_SKIPPABLE_MASK) == ZSTD_SKIPPABLE) {
                return DiskFormat.ZSTD;
            }
        }
        return Arrays.equals(start, COMPOSITE) ? DiskFormat.COMPOSITE : DiskFormat.RAW;
    }
}
