package jcrosvm.guest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;

/**
 * The cache of guest kernels and of the programs that go into an initramfs.
 *
 * <p>Everything is fetched when it is first asked for and then stays as it is. Several processes may use it at once.
 */
public final class Guests {
    /** Environment variable that names the directory of the cache. */
    public static final String DIRECTORY_VARIABLE = "JCROSVM_GUESTS";

    private static final String BUSYBOX = "busybox-static";
    /** Directories that are links into /usr. */
    static final List<String> MERGED_INTO_USR = List.of("bin", "sbin", "lib", "lib64");

    private final Path directory;
    private final DebianArchive archive;
    private final Consumer<String> progress;

    /**
     * A cache in a directory, which is made when it is needed.
     *
     * @param progress gets a line before something takes long
     */
    public Guests(Path directory, Consumer<String> progress) {
        this.directory = directory.toAbsolutePath().normalize();
        this.archive = new DebianArchive(this.directory.resolve("packages"), progress);
        this.progress = progress;
    }

    /**
     * The user's cache.
     *
     * @param progress gets a line before something takes long
     */
    public static Guests ofUser(Consumer<String> progress) {
        return new Guests(defaultDirectory(), progress);
    }

    /** {@code $JCROSVM_GUESTS}, else {@code jcrosvm/guests} in {@code $XDG_CACHE_HOME} or {@code ~/.cache}. */
    public static Path defaultDirectory() {
        String chosen = System.getenv(DIRECTORY_VARIABLE);
        if (chosen != null && !chosen.isEmpty()) {
            return Path.of(chosen);
        }
        String caches = System.getenv("XDG_CACHE_HOME");
        return (caches != null && caches.startsWith("/") ? Path.of(caches) : Path.of(home(), ".cache"))
                .resolve("jcrosvm/guests");
    }

    private static String home() {
        String home = System.getenv("HOME");
        return home == null || home.isEmpty() ? System.getProperty("user.home") : home;
    }

    public Path directory() {
        return directory;
    }

    /** The packages that guests are made of. */
    public DebianArchive archive() {
        return archive;
    }

    /**
     * Returns a kernel, with its modules.
     *
     * @throws VmmException if it is not here yet and cannot be fetched
     */
    public GuestKernel kernel(DebianKernel wanted) {
        Path home = directory.resolve(wanted.directory());
        if (!Files.isDirectory(home)) {
            try (CacheLock _ = CacheLock.of(directory)) {
                if (!Files.isDirectory(home)) {
                    AtomicFiles.deletePartial(directory);
                    unpackKernel(wanted, home);
                }
            }
        }
        try (Stream<Path> releases = Files.list(home.resolve("modules"))) {
            Path modules = releases.findFirst()
                    .orElseThrow(() ->
                            new VmmException("there are no modules in " + home + ": remove it, to fetch it again"));
            return new GuestKernel(
                    wanted.directory(), modules.getFileName().toString(), home.resolve("vmlinuz"), modules);
        } catch (IOException e) {
            throw new VmmException(
                    home + " is damaged (" + AtomicFiles.reason(e) + "): remove it, to fetch it again", e);
        }
    }

    /**
     * Returns a busybox that needs no libraries.
     *
     * @throws VmmException if it is not here yet and cannot be fetched
     */
    public Path busybox() {
        Path home = directory.resolve(BUSYBOX);
        if (!Files.isDirectory(home)) {
            try (CacheLock _ = CacheLock.of(directory)) {
                if (!Files.isDirectory(home)) {
                    DebianPackage deb = DebianPackage.open(archive.fetch("trixie", BUSYBOX));
                    AtomicFiles.directory(home, partial -> {
                        deb.extract(partial, path -> path.endsWith("bin/busybox"));
                        try (Stream<Path> files = Files.walk(partial)) {
                            Path program = files.filter(Files::isRegularFile)
                                    .findFirst()
                                    .orElseThrow(() -> new IOException("the package has no busybox in it"));
                            Files.move(program, partial.resolve("busybox"));
                        }
                        AtomicFiles.deleteTree(partial.resolve("usr"));
                        AtomicFiles.deleteTree(partial.resolve("bin"));
                    });
                }
            }
        }
        return home.resolve("busybox");
    }

    /**
     * Returns a tree of packages and all that they need, from which their programs run, in a guest or under chroot.
     *
     * @param name of the tree in the cache
     * @param release code name, such as "trixie"
     * @param architecture Debian's name, such as "amd64"
     * @throws VmmException if it is not here yet and cannot be fetched
     */
    public Path programs(String name, String release, String architecture, List<String> packages) {
        Path home = directory.resolve("programs-" + name);
        if (!Files.isDirectory(home)) {
            try (CacheLock _ = CacheLock.of(directory)) {
                if (!Files.isDirectory(home)) {
                    AtomicFiles.directory(home, partial -> {
                        // base-files has these links, but a package is unpacked without what it takes for granted.
                        for (String merged : MERGED_INTO_USR) {
                            Files.createDirectories(partial.resolve("usr").resolve(merged));
                            Files.createSymbolicLink(partial.resolve(merged), Path.of("usr", merged));
                        }
                        archive.unpackWithDependencies(release, architecture, packages, partial);
                        for (String reading : new String[] {"doc", "man", "locale", "info"}) {
                            AtomicFiles.deleteTree(partial.resolve("usr/share").resolve(reading));
                        }
                    });
                }
            }
        }
        return home;
    }

    private void unpackKernel(DebianKernel wanted, Path home) {
        DebianPackage deb =
                DebianPackage.open(archive.fetchDependency(wanted.release(), wanted.metapackage(), wanted.image()));
        progress.accept("unpacking " + deb.name() + "...");
        String release = deb.name().substring("linux-image-".length());
        AtomicFiles.directory(home, partial -> {
            // Releases since trixie ship /usr/lib, the ones before /lib.
            deb.extract(
                    partial,
                    path -> path.startsWith("boot/")
                            || path.startsWith("lib/modules/")
                            || path.startsWith("usr/lib/modules/"));
            Files.move(partial.resolve("boot/vmlinuz-" + release), partial.resolve("vmlinuz"));
            Files.move(partial.resolve("boot/config-" + release), partial.resolve("config"));
            Path usr = partial.resolve("usr/lib/modules");
            Files.move(Files.isDirectory(usr) ? usr : partial.resolve("lib/modules"), partial.resolve("modules"));
            for (String rest : new String[] {"boot", "lib", "usr"}) {
                AtomicFiles.deleteTree(partial.resolve(rest));
            }
        });
    }
}
