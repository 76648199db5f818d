package jcrosvm.guest;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.ThreadScope;

/**
 * apt with a root of its own: one release of Debian for one architecture, nothing installed, no privileges.
 *
 * <p>The mirror, proxies and credentials are those that the host's apt uses; its hooks are not.
 */
final class Apt {
    /** Overrides the mirror that the host's apt configuration names. */
    static final String MIRROR_VARIABLE = "JCROSVM_DEBIAN_MIRROR";

    private static final String DEFAULT_MIRROR = "http://deb.debian.org/debian";
    private static final Path KEYRING = Path.of("/usr/share/keyrings/debian-archive-keyring.gpg");
    private static final Duration LISTS_FRESH = Duration.ofHours(6);
    private static final Pattern HOST_SETTING =
            Pattern.compile("Acquire::(http|https|ftp|socks|Retries|ForceIPv[46]|Proxy).*");

    private final Path root;
    private final String release;
    private final String architecture;
    private final String mirror;

    private Apt(Path root, String release, String architecture, String mirror) {
        this.root = root;
        this.release = release;
        this.architecture = architecture;
        this.mirror = mirror;
    }

    /**
     * Makes the private root if it is missing.
     *
     * @param root an absolute path, used for this release and architecture alone
     * @param release code name, such as "trixie"
     * @param architecture Debian's name, such as "amd64"
     * @throws VmmException if the host has no apt or not Debian's keys
     */
    static Apt open(Path root, String release, String architecture) {
        if (!Files.exists(KEYRING)) {
            throw new VmmException("Debian's keys are not at " + KEYRING + ": install debian-archive-keyring");
        }
        Apt apt = new Apt(root, release, architecture, mirror());
        try {
            for (String directory :
                    List.of("etc/apt/apt.conf.d", "lib/dpkg", "lib/apt/lists/partial", "cache/archives/partial")) {
                Files.createDirectories(root.resolve(directory));
            }
            Files.writeString(root.resolve("lib/dpkg/status"), "");
            Files.writeString(
                    root.resolve("etc/apt/sources.list"),
                    "deb [arch=" + architecture + " signed-by=" + KEYRING + "] " + apt.mirror + " " + release
                            + " main\n");
            Files.writeString(root.resolve("etc/apt/apt.conf"), apt.configuration());
        } catch (IOException e) {
            throw new VmmException("cannot make " + root + " for apt: " + AtomicFiles.reason(e), e);
        }
        return apt;
    }

    /** Fetches the list of the release's packages, unless it is a few hours old at most. */
    void update() {
        Path stamp = root.resolve("lists-complete");
        try {
            if (Files.exists(stamp)
                    && Files.readString(stamp).strip().equals(mirror)
                    && Files.getLastModifiedTime(stamp)
                            .toInstant()
                            .isAfter(Instant.now().minus(LISTS_FRESH))) {
                return;
            }
            run(root, "apt-get", "-q", "update");
            Files.writeString(stamp, mirror + "\n");
        } catch (IOException e) {
            throw new VmmException("cannot use " + root + " for apt: " + AtomicFiles.reason(e), e);
        }
    }

    /** The packages that {@code apt-get install NAMES} would fetch on an empty system: they and all they depend on. */
    List<AptPackage> closure(List<String> names) {
        List<String> command =
                new ArrayList<>(List.of("apt-get", "-q", "-y", "--no-install-recommends", "--print-uris", "install"));
        command.addAll(names);
        return AptPackage.parse(run(root, command.toArray(String[]::new)));
    }

    /** The package alone. */
    AptPackage single(String name) {
        List<AptPackage> packages = AptPackage.parse(run(root, "apt-get", "-q", "--print-uris", "download", name));
        if (packages.size() != 1) {
            throw new VmmException("Debian " + release + " at " + mirror + " has no package " + name);
        }
        return packages.getFirst();
    }

    /** Names that a package depends on directly. */
    List<String> dependencies(String name) {
        List<String> names = new ArrayList<>();
        for (String line :
                run(root, "apt-cache", "depends", "--important", name).lines().toList()) {
            String text = line.strip();
            int colon = text.indexOf(": ");
            if (colon > 0 && text.substring(0, colon).endsWith("Depends")) {
                names.add(text.substring(colon + 2));
            }
        }
        return names;
    }

    /**
     * Fetches packages into a directory and checks them against the signed list.
     *
     * @param onPackage runs whenever the next one is being fetched
     */
    void download(List<AptPackage> packages, Path into, Runnable onPackage) {
        List<String> command = new ArrayList<>(List.of("apt-get", "-q", "download"));
        packages.forEach(each -> command.add(each.name() + "=" + each.version()));
        run(into, line -> tellGet(line, onPackage), command.toArray(String[]::new));
    }

    // Get:3 http://mirror/debian trixie/main amd64 bash amd64 5.2 [1501 kB]
    private static void tellGet(String line, Runnable onPackage) {
        if (line.startsWith("Get:")) {
            onPackage.run();
        }
    }

    private String configuration() {
        StringBuilder text = new StringBuilder();
        for (String line : runQuietly("apt-config", "dump").lines().toList()) {
            if (HOST_SETTING.matcher(line).matches()) {
                text.append(line).append('\n');
            }
        }
        return text.append("""
                        Dir "%1$s/";
                        Dir::Etc "etc/apt/";
                        Dir::Etc::main "none";
                        Dir::Etc::parts "apt.conf.d";
                        Dir::Etc::netrc "/etc/apt/auth.conf";
                        Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
                        Dir::State "%1$s/lib/apt/";
                        Dir::State::status "%1$s/lib/dpkg/status";
                        Dir::Cache "%1$s/cache/";
                        Dir::Cache::pkgcache "";
                        Dir::Cache::srcpkgcache "";
                        Acquire::GzipIndexes "true";
                        APT::Architecture "%2$s";
                        APT::Architectures { "%2$s"; };
                        APT::Sandbox::User "root";
                        APT::Update::Error-Mode "any";
                        Acquire::Languages "none";
                        Acquire::Retries "3";
                        Acquire::http::Timeout "30";
                        Acquire::https::Timeout "30";
                        """.formatted(root, architecture)).toString();
    }

    /** The host's mirror of Debian, if it has one: the nearest and the one that a proxy lets through. */
    private static String mirror() {
        String wanted = System.getenv(MIRROR_VARIABLE);
        if (wanted != null && !wanted.isEmpty()) {
            return wanted;
        }
        for (String line : runQuietly("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
                .lines()
                .toList()) {
            String address = line.strip();
            if (address.matches("https?://.*/debian/?")) {
                return address;
            }
        }
        return DEFAULT_MIRROR;
    }

    private String run(Path directory, String... command) {
        return run(directory, _ -> {}, command);
    }

    private String run(Path directory, Consumer<String> onLine, String... command) {
        try {
            ProcessBuilder builder = new ProcessBuilder(command).directory(directory.toFile());
            builder.environment()
                    .put("APT_CONFIG", root.resolve("etc/apt/apt.conf").toString());
            Result result = run(builder, onLine);
            if (result.code != 0) {
                throw new VmmException(failure(result.errors));
            }
            return result.output;
        } catch (IOException e) {
            throw new VmmException("cannot run " + command[0] + ", which fetches the guests: " + e.getMessage(), e);
        }
    }

    /** Of apt's many lines the one that says what is wrong, and what can be done. */
    private String failure(String errors) {
        String reason = errors.lines()
                .filter(line -> line.startsWith("E: ") || line.startsWith("W: "))
                .min((a, b) -> Boolean.compare(a.startsWith("W: "), b.startsWith("W: ")))
                .map(line -> line.substring(3))
                .orElse("no reason given");
        return "cannot fetch from Debian " + release + " at " + mirror + ": " + reason
                + " (check the network, apt's proxy or " + MIRROR_VARIABLE + ")";
    }

    private static String runQuietly(String... command) {
        try {
            return run(new ProcessBuilder(command), _ -> {}).output;
        } catch (IOException e) {
            throw new VmmException(
                    "there is no " + command[0] + ", which fetches the guests: this needs a Debian or Ubuntu host", e);
        }
    }

    private record Result(int code, String output, String errors) {}

    private static Result run(ProcessBuilder builder, Consumer<String> onLine) throws IOException {
        builder.environment().put("LC_ALL", "C");
        builder.redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()));
        Process process = builder.start();
        try (InputStream out = process.getInputStream();
                InputStream err = process.getErrorStream()) {
            FutureTask<String> errors = new FutureTask<>(() -> text(err));
            ThreadScope.current().start("apt-errors", errors);
            String output = lines(out, onLine);
            return new Result(process.waitFor(), output, errors.get());
        } catch (InterruptedException e) {
            process.destroy();
            Thread.currentThread().interrupt();
            throw new VmmException("interrupted while apt was running", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
    }

    private static String lines(InputStream in, Consumer<String> onLine) throws IOException {
        StringBuilder all = new StringBuilder();
        BufferedReader reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
            onLine.accept(line);
            all.append(line).append('\n');
        }
        return all.toString();
    }

    private static String text(InputStream in) {
        try {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
