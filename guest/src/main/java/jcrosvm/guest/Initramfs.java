package jcrosvm.guest;

import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import jcrosvm.base.VmmException;

/**
 * The content of an initramfs, and its writer.
 *
 * <p>Paths are absolute or relative to the root, alike. Missing parent directories are added (mode 0755); a second
 * member with the same path replaces the first. The archive depends on the members alone, not on the order in which
 * they were added, nor on the time.
 */
public final class Initramfs {
    /** Where {@link #modules} puts modules, and the file that lists their names in load order, one per line. */
    public static final String MODULE_DIRECTORY = "/lib/modules";

    public static final String MODULE_ORDER = MODULE_DIRECTORY + "/order";

    private final Map<String, CpioEntry> entries = new TreeMap<>();

    public Initramfs directory(String path) {
        return directory(path, 0755);
    }

    /**
     * Adds a directory.
     *
     * @param permissions the lower 12 bits of {@code st_mode}
     */
    public Initramfs directory(String path, int permissions) {
        return add(path, CpioEntry.S_IFDIR, permissions, CpioEntry.Content.EMPTY);
    }

    public Initramfs file(String path, int permissions, byte[] content) {
        return add(path, CpioEntry.S_IFREG, permissions, CpioEntry.Content.of(content.clone()));
    }

    public Initramfs file(String path, int permissions, String content) {
        return file(path, permissions, content.getBytes(StandardCharsets.UTF_8));
    }

    /** Adds a file of the host; it is read when the archive is written. */
    public Initramfs file(String path, int permissions, Path source) {
        return add(path, CpioEntry.S_IFREG, permissions, CpioEntry.Content.of(source));
    }

    public Initramfs symlink(String path, String target) {
        return add(path, CpioEntry.S_IFLNK, 0777, CpioEntry.Content.of(target.getBytes(StandardCharsets.UTF_8)));
    }

    public Initramfs characterDevice(String path, int permissions, int major, int minor) {
        return put(normal(path), CpioEntry.S_IFCHR | permissions, major, minor, CpioEntry.Content.EMPTY);
    }

    public Initramfs blockDevice(String path, int permissions, int major, int minor) {
        return put(normal(path), CpioEntry.S_IFBLK | permissions, major, minor, CpioEntry.Content.EMPTY);
    }

    /** Adds /init, the first program that the kernel starts. */
    public Initramfs init(String script) {
        return file("/init", 0755, script);
    }

    /** Adds a host directory's files, links and directories below a path; files are read when the archive is written. */
    public Initramfs tree(String path, Path root) {
        try (Stream<Path> paths = Files.walk(root)) {
            for (Path member : (Iterable<Path>) paths.skip(1)::iterator) {
                String name = path + "/" + root.relativize(member);
                if (Files.isSymbolicLink(member)) {
                    symlink(name, Files.readSymbolicLink(member).toString());
                } else {
                    int permissions = (int) Files.getAttribute(member, "unix:mode") & 07777;
                    if (Files.isDirectory(member)) {
                        directory(name, permissions);
                    } else {
                        file(name, permissions, member);
                    }
                }
            }
        } catch (IOException e) {
            throw new VmmException("cannot read " + root + ": " + AtomicFiles.reason(e), e);
        }
        return this;
    }

    /** Adds modules, unpacked, and {@link #MODULE_ORDER}. */
    public Initramfs modules(List<KernelModule> modules) {
        for (KernelModule module : modules) {
            file(MODULE_DIRECTORY + "/" + module.name() + ".ko", 0644, module.image());
        }
        return file(
                MODULE_ORDER,
                0644,
                modules.stream().map(module -> module.name() + "\n").collect(Collectors.joining()));
    }

    /** Bytes of the archive, uncompressed. */
    public long size() {
        try {
            long members = 0;
            for (CpioEntry entry : entries.values()) {
                members += CpioWriter.sizeOf(entry);
            }
            return CpioWriter.archiveSize(members);
        } catch (IOException e) {
            throw new VmmException("cannot make an initramfs: " + e.getMessage(), e);
        }
    }

    /** Writes the archive to a stream, which stays open. */
    public void write(OutputStream out) throws IOException {
        try (CpioWriter writer = new CpioWriter(out)) {
            for (CpioEntry entry : entries.values()) {
                writer.add(entry);
            }
        }
    }

    /** Writes the archive to a file, which appears whole or not at all. */
    public void write(Path file) {
        AtomicFiles.write(file, out -> write(out));
    }

    /**
     * As {@link #write(Path)}, unless the file has this content already.
     *
     * @return the file
     */
    Path writeIfChanged(Path file) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream((int) size());
        try {
            write(bytes);
            // It is small: comparing is simpler than to know when it is stale.
            if (!Files.exists(file) || !Arrays.equals(Files.readAllBytes(file), bytes.toByteArray())) {
                AtomicFiles.write(file, bytes::writeTo);
            }
            return file;
        } catch (IOException e) {
            throw new VmmException("cannot make " + file + ": " + AtomicFiles.reason(e), e);
        }
    }

    /** As {@link #write(Path)}, compressed. */
    public void writeGzip(Path file) {
        AtomicFiles.write(file, out -> {
            GZIPOutputStream gzip = new GZIPOutputStream(out);
            BufferedOutputStream buffer = new BufferedOutputStream(gzip, 1 << 16);
            write(buffer);
            gzip.finish();
        });
    }

    /**
     * Writes the archive to the start of a segment, such as guest memory.
     *
     * @return bytes written
     * @throws VmmException if the segment is shorter than {@link #size}
     */
    public long write(MemorySegment segment) {
        long size = size();
        if (size > segment.byteSize()) {
            throw new VmmException("an initramfs of " + size + " bytes does not fit in " + segment.byteSize());
        }
        try {
            SegmentStream out = new SegmentStream(segment);
            write(out);
            return out.position;
        } catch (IOException e) {
            throw new VmmException("cannot make an initramfs: " + e.getMessage(), e);
        }
    }

    private Initramfs add(String path, int type, int permissions, CpioEntry.Content content) {
        return put(normal(path), type | permissions, 0, 0, content);
    }

    private Initramfs put(String path, int mode, int major, int minor, CpioEntry.Content content) {
        for (int slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
            String parent = path.substring(0, slash);
            CpioEntry existing = entries.putIfAbsent(
                    parent, new CpioEntry(parent, CpioEntry.S_IFDIR | 0755, 0, 0, CpioEntry.Content.EMPTY));
            // Linux would follow the link while it unpacks, before what it points to need exist.
            if (existing != null && !existing.isDirectory()) {
                throw new IllegalArgumentException(parent + " is not a directory, so " + path + " cannot be in it");
            }
        }
        entries.put(path, new CpioEntry(path, mode, major, minor, content));
        return this;
    }

    private static String normal(String path) {
        Path normal = Path.of("/", path).normalize();
        if (normal.getNameCount() == 0 || path.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("no member of an archive can be called '" + path + "'");
        }
        return normal.toString().substring(1);
    }

    private static final class SegmentStream extends OutputStream {
        private final MemorySegment segment;
        private long position;

        SegmentStream(MemorySegment segment) {
            this.segment = segment;
        }

        @Override
        public void write(int value) {
            segment.set(ValueLayout.JAVA_BYTE, position++, (byte) value);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) {
            MemorySegment.copy(bytes, offset, segment, ValueLayout.JAVA_BYTE, position, length);
            position += length;
        }
    }
}
