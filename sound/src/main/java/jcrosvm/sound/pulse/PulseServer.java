package jcrosvm.sound.pulse;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/**
 * A server, and what streams ask of it.
 *
 * @param socket that it listens on
 * @param cookie that clients show it: 256 bytes in hexadecimal, zeros where none is known
 * @param sink to play to, or empty for the server's default
 * @param source to capture from, or empty for the server's default
 * @param client how users know this program's streams
 */
public record PulseServer(Path socket, String cookie, String sink, String source, String client) {
    static final int COOKIE = 256;
    private static final int MOST_NAME = 128;

    public PulseServer {
        if (HexFormat.of().parseHex(cookie).length != COOKIE) {
            throw new IllegalArgumentException("a cookie of " + cookie.length() / 2 + " bytes");
        }
        checkName("sink", sink);
        checkName("source", source);
    }

    byte[] cookieBytes() {
        return HexFormat.of().parseHex(cookie);
    }

    /** Without the cookie, which is a secret. */
    @Override
    public String toString() {
        return "PulseServer[" + socket + "]";
    }

    private static void checkName(String what, String name) {
        if (name.length() > MOST_NAME || name.indexOf('\0') >= 0) {
            throw new IllegalArgumentException(
                    "the " + what + " '" + name + "' is no name: at most " + MOST_NAME + " characters, none of them 0");
        }
    }

    /**
     * The server that the user's environment names, as other clients find it.
     *
     * @param server socket or {@code unix:}SOCKET, or null for the environment's
     * @throws VmmException when it is not one of this host
     */
    public static PulseServer find(
            @Nullable String server, String sink, String source, String client, Map<String, String> environment) {
        String named = server == null ? environment.getOrDefault("PULSE_SERVER", "") : server;
        try {
            return new PulseServer(
                    named.isEmpty() ? usual(environment) : socket(named), cookie(environment), sink, source, client);
        } catch (IllegalArgumentException e) {
            throw new VmmException("PulseAudio: " + e.getMessage(), e);
        }
    }

    private static Path socket(String server) {
        // A machine's id may stand in front, in braces.
        String name = server.startsWith("{") ? server.substring(server.indexOf('}') + 1) : server;
        String path = name.startsWith("unix:") ? name.substring("unix:".length()) : name;
        if (!path.startsWith("/")) {
            throw new VmmException(
                    "the PulseAudio server '" + server
                            + "' is not on this host: expected the path of its socket, such as unix:/run/user/1000/pulse/native");
        }
        return Path.of(path);
    }

    private static Path usual(Map<String, String> environment) {
        String folder = environment.get("PULSE_RUNTIME_PATH");
        if (folder != null && !folder.isEmpty()) {
            return Path.of(folder, "native");
        }
        String runtime = environment.get("XDG_RUNTIME_DIR");
        Path own = runtime == null || runtime.isEmpty()
                ? Path.of("/run/user").resolve(userId()).resolve("pulse/native")
                : Path.of(runtime, "pulse/native");
        Path systems = Path.of("/run/pulse/native");
        return !Files.exists(own) && Files.exists(systems) ? systems : own;
    }

    private static String userId() {
        try {
            return String.valueOf(Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        } catch (IOException e) {
            return "0";
        }
    }

    private static String cookie(Map<String, String> environment) {
        for (Path path : cookiePaths(environment)) {
            try (InputStream in = Files.newInputStream(path)) {
                byte[] bytes = in.readNBytes(COOKIE);
                if (bytes.length == COOKIE) {
                    return HexFormat.of().formatHex(bytes);
                }
            } catch (IOException e) {
                // looked for at the next place
            }
        }
        return "00".repeat(COOKIE);
    }

    private static List<Path> cookiePaths(Map<String, String> environment) {
        List<Path> paths = new ArrayList<>();
        String named = environment.get("PULSE_COOKIE");
        if (named != null && !named.isEmpty()) {
            paths.add(Path.of(named));
        }
        String home = environment.get("HOME");
        if (home != null && !home.isEmpty()) {
            String configuration = environment.get("XDG_CONFIG_HOME");
            paths.add((configuration == null || configuration.isEmpty()
                            ? Path.of(home, ".config")
                            : Path.of(configuration))
                    .resolve("pulse/cookie"));
            paths.add(Path.of(home, ".pulse-cookie"));
        }
        return paths;
    }
}
