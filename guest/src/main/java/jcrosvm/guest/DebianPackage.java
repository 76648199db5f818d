package jcrosvm.guest;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import jcrosvm.base.VmmException;

/** A .deb file: an ar archive of debian-binary, control.tar.* and data.tar.* (deb(5)). */
public final class DebianPackage {
    /** What a member of a package is. */
    public enum Type {
        FILE,
        DIRECTORY,
        SYMLINK,
        HARD_LINK,
        /** Device nodes and FIFOs, which no package that we read ships; they are never unpacked. */
        SPECIAL
    }

    /**
     * A member of a package.
     *
     * @param path relative to the root, without a leading "./"
     * @param permissions the lower 12 bits of {@code st_mode}
     * @param uid number of the owner
     * @param gid number of the group
     * @param modified seconds since 1970
     * @param size bytes of a file, else 0
     * @param link target of a symbolic link as it stands there, or path of the member that a hard link equals
     */
    public record Member(
            String path, Type type, int permissions, int uid, int gid, long modified, long size, String link) {}

    /** Gets the members of an archive, one after the other; content can be read until it returns. */
    interface Visitor {
        void visit(Member member, InputStream content) throws IOException;
    }

    // It is read to memory, and a small archive can unpack to gigabytes.
    private static final int MAX_CONTROL_BYTES = 1 << 20;

    private final Path file;
    private final Map<String, String> control;

    private DebianPackage(Path file, Map<String, String> control) {
        this.file = file;
        this.control = control;
    }

    /**
     * Opens a package and reads its control fields.
     *
     * @throws VmmException if the file is not a package
     */
    public static DebianPackage open(Path file) {
        Map<String, String> control = new HashMap<>();
        walk(file, "control.tar", (member, content) -> {
            if (member.path().equals("control")) {
                if (member.size() > MAX_CONTROL_BYTES) {
                    throw new IOException("its control file has " + member.size() + " bytes");
                }
                fields(new String(content.readAllBytes(), StandardCharsets.UTF_8), control);
            }
        });
        if (!control.containsKey("Package") || !control.containsKey("Version")) {
            throw new VmmException(file + " is not a Debian package: it has no name or no version");
        }
        return new DebianPackage(file, Map.copyOf(control));
    }

    public String name() {
        return control.getOrDefault("Package", "");
    }

    public String version() {
        return control.getOrDefault("Version", "");
    }

    /** The control fields, such as "Depends"; of a field of several lines, the first. */
    public Map<String, String> control() {
        return control;
    }

    /** The files beside the control fields and these as they stand: "control", "postinst", "conffiles" and so on. */
    Map<String, byte[]> controlFiles() {
        Map<String, byte[]> files = new TreeMap<>();
        walk(file, "control.tar", (member, content) -> {
            if (member.type() == Type.FILE) {
                if (member.size() > MAX_CONTROL_BYTES) {
                    throw new IOException("its file " + member.path() + " has " + member.size() + " bytes");
                }
                files.put(member.path(), content.readAllBytes());
            }
        });
        return files;
    }

    /** Goes through what the package would install; the root itself is the empty path. */
    void visit(Visitor visitor) {
        walk(file, "data.tar", visitor);
    }

    /** What the package would install, in the order of the archive, without the root itself. */
    public List<Member> members() {
        List<Member> members = new ArrayList<>();
        walk(file, "data.tar", (member, content) -> {
            if (!member.path().isEmpty()) {
                members.add(member);
            }
        });
        return members;
    }

    /**
     * Unpacks files, links and directories below a directory. Nothing is ever written outside of it, whatever the
     * package says; owners and times are not kept.
     *
     * @param wanted which paths to unpack
     * @throws VmmException if the package is damaged, names a place outside of the directory, or cannot be written
     */
    public void extract(Path into, Predicate<String> wanted) {
        try {
            Files.createDirectories(into);
            Path root = into.toRealPath();
            walk(file, "data.tar", (member, content) -> {
                if (!member.path().isEmpty() && wanted.test(member.path())) {
                    unpack(root, member, content);
                }
            });
        } catch (IOException e) {
            throw new VmmException("cannot unpack " + file + " to " + into + ": " + AtomicFiles.reason(e), e);
        }
    }

    private static void unpack(Path root, Member member, InputStream content) throws IOException {
        Path target = inside(root, member.path());
        switch (member.type()) {
            case DIRECTORY -> {
                if (!Files.isDirectory(target)) {
                    Files.createDirectory(target);
                }
            }
            case FILE -> {
                Files.deleteIfExists(target);
                Files.copy(content, target);
                Files.setPosixFilePermissions(target, permissions(member.permissions()));
            }
            case SYMLINK -> {
                Files.deleteIfExists(target);
                Files.createSymbolicLink(target, Path.of(member.link()));
            }
            case HARD_LINK -> {
                Files.deleteIfExists(target);
                Files.createLink(target, inside(root, member.link()));
            }
            case SPECIAL -> {}
        }
    }

    /** The host path of a member, its parents made; links of the package may lead anywhere inside of the root only. */
    private static Path inside(Path root, String path) throws IOException {
        Path target = root.resolve(path).normalize();
        if (!target.startsWith(root) || target.equals(root)) {
            throw new IOException("the package names '" + path + "', outside of its root");
        }
        Path existing = root;
        for (Path name : root.relativize(target.resolveSibling("."))) {
            Path deeper = existing.resolve(name);
            if (!Files.exists(deeper, LinkOption.NOFOLLOW_LINKS)) {
                break;
            }
            existing = deeper;
        }
        if (!existing.toRealPath().startsWith(root)) {
            throw new IOException("the package names '" + path + "', which a link leads out of its root");
        }
        Files.createDirectories(target.resolveSibling(".").normalize());
        return target;
    }

    private static Set<PosixFilePermission> permissions(int mode) {
        Set<PosixFilePermission> set = EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);
        // Declared from owner to others, read to execute: bits 8 to 0.
        PosixFilePermission[] all = PosixFilePermission.values();
        for (int i = 0; i < all.length; i++) {
            if ((mode & (0400 >> i)) != 0) {
                set.add(all[i]);
            }
        }
        return set;
    }

    private static void walk(Path file, String archive, Visitor visitor) {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            ArReader ar = new ArReader(in);
            for (ArReader.Member part = ar.next(); part != null; part = ar.next()) {
                if (part.name().startsWith(archive)) {
                    tar(part, visitor);
                    return;
                }
            }
            throw new IOException("it has no " + archive);
        } catch (IOException e) {
            throw unreadable(file, AtomicFiles.reason(e), e);
        } catch (InvalidPathException e) {
            // Names are UTF-8, and the file names of this process may not be.
            throw unreadable(file, "'" + e.getInput() + "' can be no file name in this locale", e);
        }
    }

    private static VmmException unreadable(Path file, String reason, Exception cause) {
        // The reason may quote what was found, which in a damaged file may be anything.
        return new VmmException("cannot read the package " + file + ": " + reason.replaceAll("\\p{Cntrl}", "?"), cause);
    }

    private static void tar(ArReader.Member part, Visitor visitor) throws IOException {
        try (InputStream unpacked = Compression.unpack(part.name(), part.content());
                InputStream in = new BufferedInputStream(unpacked, 1 << 16)) {
            TarReader tar = new TarReader(in);
            for (TarReader.Member member = tar.next(); member != null; member = tar.next()) {
                visitor.visit(
                        new Member(
                                relative(member.path()),
                                member.type(),
                                member.permissions(),
                                member.uid(),
                                member.gid(),
                                member.modified(),
                                member.size(),
                                member.type() == Type.HARD_LINK ? relative(member.link()) : member.link()),
                        member.content());
            }
        }
    }

    private static String relative(String path) {
        String relative = path.startsWith("./") ? path.substring(2) : path;
        return relative.endsWith("/") ? relative.substring(0, relative.length() - 1) : relative;
    }

    private static void fields(String text, Map<String, String> into) {
        for (String line : text.lines().toList()) {
            int colon = line.indexOf(':');
            if (colon > 0 && !Character.isWhitespace(line.charAt(0))) {
                into.put(line.substring(0, colon), line.substring(colon + 1).strip());
            }
        }
    }
}
