package jcrosvm.guest;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jcrosvm.guest.ext4.Attributes;
import jcrosvm.guest.ext4.Ext4Image;

/**
 * The root file system of a Debian, written to an image: packages unpacked but not configured, and settings.
 *
 * <p>Documentation and translations are left out, and dpkg is told to leave them out in the future too.
 */
final class DebianRoot {
    // What dpkg.cfg says below, but for empty directories: update-alternatives needs those of the manual.
    private static final Pattern LEFT_OUT =
            Pattern.compile("usr/share/(doc/.*(?<!/copyright)|(info|locale|lintian|bug)/.*|man/[^/]+/.*)");
    private static final String DPKG_SETTINGS = """
            path-exclude=/usr/share/doc/*
            path-include=/usr/share/doc/*/copyright
            path-exclude=/usr/share/man/*
            path-exclude=/usr/share/info/*
            path-exclude=/usr/share/locale/*
            path-exclude=/usr/share/lintian/*
            path-exclude=/usr/share/bug/*
            """;

    private final Ext4Image image;
    private final long now = Instant.now().getEpochSecond();
    private final DpkgDatabase database = new DpkgDatabase();

    /** Starts a root whose programs and libraries are all in /usr, as base-files of newer releases have it. */
    DebianRoot(Ext4Image image) throws IOException {
        this.image = image;
        for (String merged : Guests.MERGED_INTO_USR) {
            directory("usr/" + merged, 0755);
            image.symlink(merged, Attributes.ofRoot(0777, now), "usr/" + merged);
        }
    }

    /** Unpacks a package over those before. */
    void unpack(DebianPackage deb) throws IOException {
        DpkgDatabase.Entry entry = database.add(deb);
        deb.visit((member, content) -> {
            entry.path(member.path());
            if (!LEFT_OUT.matcher(member.path()).matches()) {
                unpack(member, content, entry);
            }
        });
        entry.unpacked();
    }

    private void unpack(DebianPackage.Member member, InputStream content, DpkgDatabase.Entry entry) throws IOException {
        String path = member.path();
        parents(path);
        Attributes attributes = new Attributes(member.permissions(), member.uid(), member.gid(), member.modified());
        switch (member.type()) {
            case DIRECTORY -> image.directory(path, attributes);
            case SYMLINK -> image.symlink(path, attributes, member.link());
            case HARD_LINK -> image.hardLink(path, member.link());
            case SPECIAL -> throw new IOException("its member " + path + " is a device");
            case FILE -> {
                MessageDigest md5 = md5();
                boolean isConffile = entry.isConffile(path);
                InputStream checked = isConffile ? new DigestInputStream(content, md5) : content;
                image.file(path, attributes, checked, member.size());
                if (isConffile) {
                    entry.conffile(path, HexFormat.of().formatHex(md5.digest()));
                }
            }
        }
    }

    /** Adds a file that root alone writes, and the directories above it. */
    void file(String path, int permissions, String content) throws IOException {
        parents(path);
        image.file(path, Attributes.ofRoot(permissions, now), content);
    }

    /** Adds a directory of root's, and those above it. */
    void directory(String path, int permissions) throws IOException {
        parents(path);
        image.directory(path, Attributes.ofRoot(permissions, now));
    }

    /**
     * Adds the files and directories of the host's below a directory, as root's.
     *
     * @param wanted whether a file is to be there, by its path in the tree
     */
    void tree(String path, Path source, Predicate<String> wanted) throws IOException {
        parents(path + "/.");
        try (Stream<Path> members = Files.walk(source)) {
            for (Path member : (Iterable<Path>) members.sorted()::iterator) {
                String inside = source.relativize(member).toString();
                String name = path + "/" + inside;
                if (!wanted.test(inside)) {
                    continue;
                }
                if (Files.isRegularFile(member)) {
                    try (InputStream content = Files.newInputStream(member)) {
                        image.file(name, Attributes.ofRoot(0644, now), content, Files.size(member));
                    }
                } else if (Files.isDirectory(member) && !member.equals(source)) {
                    image.directory(name, Attributes.ofRoot(0755, now));
                }
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** Adds what dpkg knows of the packages, after the last of them. */
    void finish() throws IOException {
        file("etc/dpkg/dpkg.cfg.d/without-documentation", 0644, DPKG_SETTINGS);
        for (Map.Entry<String, byte[]> file : database.files().entrySet()) {
            String path = file.getKey();
            parents(path);
            byte[] content = file.getValue();
            boolean isScript = path.matches(".*\\.(preinst|postinst|prerm|postrm|config)");
            image.file(
                    path,
                    Attributes.ofRoot(isScript ? 0755 : 0644, now),
                    new ByteArrayInputStream(content),
                    content.length);
        }
        for (String directory : List.of("updates", "parts", "alternatives")) {
            parents("var/lib/dpkg/" + directory + "/.");
        }
        image.finish();
    }

    private void parents(String path) throws IOException {
        for (int slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
            String parent = path.substring(0, slash);
            if (!image.exists(parent)) {
                image.directory(parent, Attributes.ofRoot(0755, now));
            }
        }
    }

    private static MessageDigest md5() {
        try {
            return MessageDigest.getInstance("MD5"); // dpkg's checksum of configuration
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
