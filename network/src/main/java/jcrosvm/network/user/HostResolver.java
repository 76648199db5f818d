package jcrosvm.network.user;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The host's name servers, as resolv.conf(5) names them. */
final class HostResolver {
    static final int PORT = 53;

    private static final long KEEP_NANOS = 10_000_000_000L;
    private static final int MOST = 3;
    private static final long MAX_BYTES = 64 << 10;

    private final Path file;
    private List<InetSocketAddress> servers = List.of();
    private long read;
    private int current;

    HostResolver(Path file) {
        this.file = file;
    }

    /** The server to ask now. The file is read again from time to time, since networks change. */
    InetSocketAddress server(long now) {
        if (servers.isEmpty() || now - read > KEEP_NANOS) {
            servers = parse(text());
            read = now;
        }
        return servers.get(current % servers.size());
    }

    /** The server did not answer: the next one is asked from now on. */
    void failed() {
        current = (current + 1) % MOST;
    }

    private String text() {
        try {
            return Files.size(file) > MAX_BYTES ? "" : Files.readString(file);
        } catch (IOException e) {
            return ""; // As the C library does: then the host's own server is asked.
        }
    }

    static List<InetSocketAddress> parse(String text) {
        List<InetSocketAddress> found = new ArrayList<>();
        for (String line : text.lines().toList()) {
            String[] words = line.trim().split("\\s+", 3);
            if (words.length >= 2 && words[0].equals("nameserver") && found.size() < MOST) {
                try {
                    found.add(new InetSocketAddress(InetAddress.ofLiteral(words[1]), PORT));
                } catch (IllegalArgumentException e) {
                    // Skipped, as the C library does.
                }
            }
        }
        if (found.isEmpty()) {
            found.add(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), PORT));
        }
        return List.copyOf(found);
    }
}
