package jcrosvm.disk.composite;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import jcrosvm.disk.DiskException;
import jcrosvm.disk.DiskFormat;
import org.jspecify.annotations.Nullable;

/**
 * The list in a composite disk's file (crosvm, cdisk_spec.proto).
 *
 * @param version 1, or 2: then all paths are relative to the list's folder unless absolute
 * @param parts in the order of their offsets, the first at 0
 * @param length of the disk, bytes
 */
record CompositeSpec(long version, List<Part> parts, long length) {
    /**
     * A range of the disk.
     *
     * @param fileOffset where in the part's own image its bytes begin
     * @param format of that image; null where the list does not say it, as crosvm's never do
     */
    record Part(
            String path,
            long offset,
            boolean writable,
            long fileOffset,
            @Nullable DiskFormat format) {
        Part(String path, long offset, boolean writable, long fileOffset) {
            this(path, offset, writable, fileOffset, null);
        }
    }

    static final long VERSION = 2;
    static final int MAX_PARTS = 1024;
    private static final byte[] MAGIC = "composite_disk\u001d".getBytes(StandardCharsets.US_ASCII);

    private static final int DISK_VERSION = 1;
    private static final int DISK_PARTS = 2;
    private static final int DISK_LENGTH = 3;
    private static final int PART_PATH = 1;
    private static final int PART_OFFSET = 2;
    private static final int PART_WRITABLE = 3;
    private static final int PART_FILE_OFFSET = 4;
    /** Our own; crosvm passes over fields that it does not know. */
    private static final int PART_FORMAT = 1000;

    CompositeSpec {
        parts = List.copyOf(parts);
    }

    /** @throws DiskException when it cannot be a disk; the message does not name the file */
    static CompositeSpec parse(byte[] file) {
        if (file.length < MAGIC.length || !Arrays.equals(MAGIC, Arrays.copyOf(file, MAGIC.length))) {
            throw new DiskException("it is no composite disk");
        }
        Protobuf.Reader reader = new Protobuf.Reader(file, MAGIC.length, file.length - MAGIC.length);
        long version = 0;
        long length = 0;
        List<Part> parts = new ArrayList<>();
        for (int field = reader.next(); field != 0; field = reader.next()) {
            switch (field) {
                case DISK_VERSION -> version = reader.number();
                case DISK_PARTS -> {
                    if (parts.size() == MAX_PARTS) {
                        throw new DiskException("it has more than " + MAX_PARTS + " parts");
                    }
                    parts.add(part(reader.message()));
                }
                case DISK_LENGTH -> length = reader.number();
                default -> reader.skip();
            }
        }
        if (version < 0 || version > VERSION) {
            throw new DiskException(
                    "its version is " + Long.toUnsignedString(version) + "; the last one known is " + VERSION);
        }
        parts.sort(Comparator.comparingLong(Part::offset));
        CompositeSpec spec = new CompositeSpec(version, parts, length);
        spec.check();
        return spec;
    }

    private static Part part(Protobuf.Reader reader) {
        String path = "";
        long offset = 0;
        long writable = 0;
        long fileOffset = 0;
        DiskFormat format = null;
        for (int field = reader.next(); field != 0; field = reader.next()) {
            switch (field) {
                case PART_PATH -> path = reader.text();
                case PART_OFFSET -> offset = reader.number();
                case PART_WRITABLE -> writable = reader.number();
                case PART_FILE_OFFSET -> fileOffset = reader.number();
                case PART_FORMAT -> format = format(reader.text());
                default -> reader.skip();
            }
        }
        if (path.isEmpty() || path.chars().anyMatch(Character::isISOControl)) {
            throw new DiskException("a part has no path, or one with control characters");
        }
        if (offset < 0 || fileOffset < 0) {
            throw new DiskException("part " + path + " begins beyond any disk's end");
        }
        return new Part(path, offset, writable == 1, fileOffset, format);
    }

    private static DiskFormat format(String name) {
        return DiskFormat.named(name)
                .orElseThrow(() -> new DiskException("a part has an unknown format; known are " + DiskFormat.names()));
    }

    private void check() {
        if (parts.isEmpty() || parts.getFirst().offset() != 0) {
            throw new DiskException("no part begins at byte 0");
        }
        for (int i = 0; i < parts.size(); i++) {
            if (end(i) <= parts.get(i).offset()) {
                throw new DiskException(
                        i + 1 < parts.size()
                                ? "two parts begin at byte " + parts.get(i).offset()
                                : "the last part begins at byte " + parts.get(i).offset() + ", but the disk has "
                                        + length);
            }
        }
        if (length % 512 != 0) {
            throw new DiskException("its length of " + length + " bytes is not a multiple of 512");
        }
    }

    /** First byte of the disk behind a part. */
    long end(int part) {
        return part + 1 < parts.size() ? parts.get(part + 1).offset() : length;
    }

    byte[] toBytes() {
        Protobuf.Writer disk = new Protobuf.Writer().number(DISK_VERSION, version);
        for (Part part : parts) {
            Protobuf.Writer fields = new Protobuf.Writer()
                    .text(PART_PATH, part.path())
                    .number(PART_OFFSET, part.offset())
                    .number(PART_WRITABLE, part.writable() ? 1 : 0)
                    .number(PART_FILE_OFFSET, part.fileOffset());
            DiskFormat format = part.format();
            if (format != null) {
                fields.text(PART_FORMAT, format.toString());
            }
            disk.bytes(DISK_PARTS, fields.toBytes());
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(MAGIC);
        out.writeBytes(disk.number(DISK_LENGTH, length).toBytes());
        return out.toByteArray();
    }
}
