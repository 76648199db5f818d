package jcrosvm.disk.qcow2;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The header extensions: what the backing file's format is, and what unknown features are called. */
final class Extensions {
    private static final int NAME_ENTRY = 48;

    @Nullable
    String backingFormat;

    Qcow2Header.@Nullable BitmapDirectory bitmaps;

    private final Map<Integer, String> incompatibleNames = new HashMap<>();

    private Extensions() {}

    /** Reads from the header's end to the end of the cluster or the name of the backing file. */
    static Extensions read(Qcow2File file, int from, long end) {
        Extensions extensions = new Extensions();
        long at = from;
        while (at + 8 <= end) {
            ByteBuffer head = Qcow2Header.bytes(file, at, 8);
            int type = head.getInt(0);
            int length = head.getInt(4);
            if (type == Qcow2Spec.EXTENSION_END) {
                break;
            }
            at += 8;
            if (length < 0 || length > end - at) {
                throw file.damaged("has a header extension 0x" + Integer.toHexString(type) + " that claims "
                        + Integer.toUnsignedString(length) + " bytes");
            }
            extensions.add(type, Qcow2Header.bytes(file, at, length));
            at += length + 7L & -8;
        }
        return extensions;
    }

    private void add(int type, ByteBuffer content) {
        switch (type) {
            case Qcow2Spec.EXTENSION_BACKING_FORMAT -> backingFormat = text(content);
            case Qcow2Spec.EXTENSION_FEATURE_NAMES -> {
                for (int at = 0; at + NAME_ENTRY <= content.limit(); at += NAME_ENTRY) {
                    if (content.get(at) == 0) {
                        incompatibleNames.put(content.get(at + 1) & 0xff, text(content.slice(at + 2, NAME_ENTRY - 2)));
                    }
                }
            }
            case Qcow2Spec.EXTENSION_BITMAPS -> {
                if (content.limit() >= 24) {
                    bitmaps =
                            new Qcow2Header.BitmapDirectory(content.getInt(0), content.getLong(8), content.getLong(16));
                }
            }
            default -> {}
        }
    }

    /** A file's text, safe to print. */
    static String text(ByteBuffer bytes) {
        String text = StandardCharsets.UTF_8.decode(bytes.duplicate()).toString();
        int end = text.indexOf('\0');
        return (end < 0 ? text : text.substring(0, end)).replaceAll("\\p{Cntrl}", "?");
    }

    String incompatibleName(int bit) {
        String name = incompatibleNames.get(bit);
        return name == null || name.isEmpty() ? "incompatible feature bit " + bit : name;
    }
}
