package jcrosvm.disk.qcow2;

import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An internal snapshot: a second L1 table whose clusters are shared with the disk.
 *
 * @param end where its record in the snapshot table ends in the file
 * @param date when it was taken
 * @param stateSize bytes of machine state that are kept with it, 0 if it is only of the disk
 * @param diskSize bytes of the disk then, or -1 where it does not say
 */
record Snapshot(
        String id, String name, Instant date, long stateSize, long diskSize, long l1Offset, int l1Size, long end) {
    private static final int FIXED = 40;
    /** On the heap, without its texts. */
    private static final int SIZE_OF_RECORD = 256;

    static List<Snapshot> readAll(Qcow2File file, Qcow2Header header) {
        List<Snapshot> snapshots = new ArrayList<>();
        long at = header.snapshotsOffset();
        for (int i = 0; i < header.snapshotCount(); i++) {
            Snapshot s = read(file, header, at);
            if (s == null || s.end - header.snapshotsOffset() > Qcow2Spec.MAX_SNAPSHOT_TABLE_BYTES) {
                throw file.damaged(
                        "has " + header.snapshotCount() + " snapshots, of which number " + (i + 1) + " is cut off");
            }
            file.reserve(SIZE_OF_RECORD + 2L * (s.id.length() + s.name.length()));
            snapshots.add(s);
            at = s.end + 7 & -8;
        }
        return List.copyOf(snapshots);
    }

    private static @Nullable Snapshot read(Qcow2File file, Qcow2Header header, long at) {
        long length = file.length();
        if (at > length - FIXED) {
            return null;
        }
        ByteBuffer b = Qcow2Header.bytes(file, at, FIXED);
        long l1Offset = b.getLong(0);
        int l1Size = b.getInt(8);
        int idLength = b.getShort(12) & 0xffff;
        int nameLength = b.getShort(14) & 0xffff;
        int extra = b.getInt(36);
        if (extra < 0 || extra > Qcow2Spec.MAX_SNAPSHOT_EXTRA) {
            throw file.damaged(
                    "has a snapshot that claims " + Integer.toUnsignedString(extra) + " bytes of extra data");
        }
        if (l1Size < 0
                || 8L * l1Size > Qcow2Spec.MAX_L1_BYTES
                || header.geometry().offsetInCluster(l1Offset) != 0
                || l1Offset < 0
                || l1Offset > length - 8L * l1Size) {
            throw file.damaged("has the L1 table of a snapshot outside of the file");
        }
        long text = at + FIXED + extra;
        long end = text + idLength + nameLength;
        if (end > length) {
            return null;
        }
        ByteBuffer more = Qcow2Header.bytes(file, at + FIXED, extra);
        return new Snapshot(
                Extensions.text(Qcow2Header.bytes(file, text, idLength)),
                Extensions.text(Qcow2Header.bytes(file, text + idLength, nameLength)),
                Instant.ofEpochSecond(b.getInt(16) & 0xffff_ffffL, b.getInt(20) & 0xffff_ffffL),
                extra >= 8 ? more.getLong(0) : b.getInt(32) & 0xffff_ffffL,
                extra >= 16 ? more.getLong(8) : -1,
                l1Offset,
                l1Size,
                end);
    }
}
