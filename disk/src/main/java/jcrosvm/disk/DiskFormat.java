package jcrosvm.disk;

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

    /** The name that users see and that qcow2 files hold. */
    @Override
    public String toString() {
        return text;
    }
}
