package jcrosvm.disk;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** What the bytes of an image file mean. */
public enum DiskFormat {
    /** The file is the disk. */
    RAW("raw"),
    QCOW2("qcow2"),
    /** crosvm's list of files that make one disk. */
    COMPOSITE("composite"),
    ANDROID_SPARSE("android-sparse"),
    /** Zstandard frames with a table to find them by. */
    ZSTD("zstd");

    private final String text;

    DiskFormat(String text) {
        this.text = text;
    }

    /** The format with this name; empty if there is none. */
    public static Optional<DiskFormat> named(String name) {
        return Arrays.stream(values())
                .filter(format -> format.text.equals(name))
                .findFirst();
    }

    /** All names, for messages. */
    public static String names() {
        return Arrays.stream(values()).map(DiskFormat::toString).collect(Collectors.joining(", "));
    }

    /** The name that users see and that qcow2 files hold. */
    @Override
    public String toString() {
        return text;
    }
}
