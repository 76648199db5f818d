package jcrosvm.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/**
 * Packages of Debian releases, fetched through the host's apt tools without privileges, and kept.
 *
 * <p>What was fetched once is never asked for again, so a filled directory works without a network. Several processes
 * may share one directory.
 */
public final class DebianArchive {
    private final Path directory;
    private final Consumer<String> progress;

    /**
     * An archive in a directory, which is made when it is needed.
     *
     * @param progress gets a line before something takes long
     */
    public DebianArchive(Path directory, Consumer<String> progress) {
        this.directory = directory.toAbsolutePath().normalize();
        this.progress = progress;
    }

    /**
     * Returns the file of a package.
     *
     * @param release code name, such as "bookworm"
     * @param name exact name of the package
     * @throws VmmException if it is not here and there is no apt, no network or no such package
     */
    public Path fetch(String release, String name) {
        try (CacheLock _ = CacheLock.of(directory)) {
            return fetchLocked(release, name);
        }
    }

    private Path fetchLocked(String release, String name) {
        Path packages = directory.resolve(release);
        Path cached = find(packages, name);
        if (cached != null) {
            return cached;
        }
        Apt apt = apt(release);
        AptPackage wanted = apt.single(name);
        progress.accept("fetching " + name + " (" + AptPackage.megabytes(wanted.size()) + ")...");
        AtomicFiles.inTemporary(packages, temporary -> {
            apt.download(List.of(wanted), temporary, () -> {});
            Files.move(
                    temporary.resolve(wanted.fileName()),
                    packages.resolve(wanted.fileName()),
                    StandardCopyOption.ATOMIC_MOVE);
        });
        return packages.resolve(wanted.fileName());
    }

    /**
     * Returns the file of the package that a metapackage such as linux-image-amd64 stands for.
     *
     * @param wanted which of its dependencies is meant
     */
    public Path fetchDependency(String release, String metapackage, Pattern wanted) {
        try (CacheLock _ = CacheLock.of(directory)) {
            Path answer = directory.resolve(release).resolve(metapackage + ".is");
            if (Files.exists(answer)) {
                return fetchLocked(release, Files.readString(answer).strip());
            }
            String name = apt(release).dependencies(metapackage).stream()
                    .filter(wanted.asMatchPredicate())
                    .findFirst()
                    .orElseThrow(() -> new VmmException(
                            "package " + metapackage + " of Debian " + release + " depends on nothing like " + wanted));
            Path file = fetchLocked(release, name);
            AtomicFiles.write(answer, out -> out.write((name + "\n").getBytes(StandardCharsets.UTF_8)));
            return file;
        } catch (IOException e) {
            throw new VmmException("cannot use " + directory + ": " + AtomicFiles.reason(e), e);
        }
    }

    /**
     * Unpacks packages and everything that they depend on; their files are not kept.
     *
     * @param architecture Debian's name, such as "amd64"
     * @param root directory that then holds a tree from which the packages' programs can run
     */
    public void unpackWithDependencies(String release, String architecture, List<String> names, Path root) {
        withDependencies(release, architecture, names, String.join(", ", names), packages -> {
            for (DebianPackage each : packages) {
                each.extract(root, path -> true);
            }
        });
    }

    /**
     * Fetches packages and everything that they depend on; their files are not kept.
     *
     * @param what they are, for people
     * @param use gets the packages
     */
    void withDependencies(
            String release,
            String architecture,
            List<String> names,
            String what,
            AtomicFiles.Filler<List<DebianPackage>> use) {
        try (CacheLock _ = CacheLock.of(directory)) {
            Apt apt = apt(release, architecture);
            List<AptPackage> closure = apt.closure(names);
            long size = closure.stream().mapToLong(AptPackage::size).sum();
            progress.accept("fetching " + what + " and what is needed (" + closure.size() + " packages, "
                    + AptPackage.megabytes(size) + ")...");
            AtomicFiles.inTemporary(directory.resolve(release), temporary -> {
                Steps steps = new Steps(closure.size(), "fetched", progress);
                apt.download(closure, temporary, steps::next);
                List<DebianPackage> packages = new ArrayList<>();
                for (AptPackage each : closure) {
                    packages.add(DebianPackage.open(temporary.resolve(each.fileName())));
                }
                use.fill(packages);
            });
        }
    }

    private Apt apt(String release) {
        return apt(release, "amd64");
    }

    private Apt apt(String release, String architecture) {
        String root = "apt-" + release + (architecture.equals("amd64") ? "" : "-" + architecture);
        Apt apt = Apt.open(directory.resolve(root), release, architecture);
        apt.update();
        return apt;
    }

    private static @Nullable Path find(Path packages, String name) {
        if (!Files.isDirectory(packages)) {
            return null;
        }
        try (Stream<Path> files = Files.list(packages)) {
            return files.filter(file -> {
                        String fileName = file.getFileName().toString();
                        return fileName.startsWith(name + "_") && fileName.endsWith(".deb");
                    })
                    .sorted()
                    .findFirst()
                    .orElse(null);
        } catch (IOException e) {
            throw new VmmException("cannot read " + packages + ": " + AtomicFiles.reason(e), e);
        }
    }
}
