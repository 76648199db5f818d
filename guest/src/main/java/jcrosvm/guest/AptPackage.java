package jcrosvm.guest;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A package as {@code apt-get --print-uris} announces it.
 *
 * @param fileName under which {@code apt-get download} stores it
 * @param size in bytes
 */
record AptPackage(String name, String version, String fileName, long size) {
    // 'http://mirror/pool/x_1_amd64.deb' x_1%3a2_amd64.deb 1234 SHA256:...
    private static final Pattern LINE = Pattern.compile("'[^']+' (([^ _]+)_([^ _]+)_[^ _]+\\.deb) (\\d+) .*");

    static List<AptPackage> parse(String output) {
        List<AptPackage> packages = new ArrayList<>();
        for (String line : output.lines().toList()) {
            Matcher fields = LINE.matcher(line);
            if (fields.matches()) {
                packages.add(new AptPackage(
                        fields.group(2),
                        URLDecoder.decode(fields.group(3).replace("+", "%2b"), StandardCharsets.UTF_8),
                        fields.group(1),
                        Long.parseLong(fields.group(4))));
            }
        }
        return packages;
    }

    /** Size for people. */
    static String megabytes(long bytes) {
        return Math.max(1, Math.round(bytes / 1e6)) + " MB";
    }
}
