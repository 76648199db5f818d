package jcrosvm.guest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What dpkg would know of packages whose files are in place, but whose scripts have not run: they are "unpacked", and
 * {@code dpkg --configure -a} does the rest.
 */
final class DpkgDatabase {
    private static final String DIRECTORY = "var/lib/dpkg/";

    private final StringBuilder status = new StringBuilder();
    private final Map<String, byte[]> files = new TreeMap<>();
    private final Map<String, StringBuilder> triggers = new TreeMap<>();

    /** A package whose files are being unpacked. */
    final class Entry {
        private final DebianPackage deb;
        private final Map<String, byte[]> control;
        private final StringBuilder list = new StringBuilder();
        private final Map<String, String> conffiles = new HashMap<>();
        private final List<String> conffileOrder = new ArrayList<>();

        private Entry(DebianPackage deb) {
            this.deb = deb;
            this.control = deb.controlFiles();
            for (String line : text("conffiles").lines().toList()) {
                // A line may begin with a flag, about a file that is not there any more.
                if (line.startsWith("/")) {
                    conffileOrder.add(line.strip());
                }
            }
        }

        /** Whether a file is configuration, whose checksum dpkg keeps. */
        boolean isConffile(String path) {
            return conffileOrder.contains("/" + path);
        }

        void conffile(String path, String md5) {
            conffiles.put("/" + path, md5);
        }

        /** Adds a path, whether it was written or left out. */
        void path(String path) {
            list.append('/').append(path.isEmpty() ? "." : path).append('\n');
        }

        /** Takes the package as unpacked. */
        void unpacked() throws IOException {
            String name = deb.name();
            boolean isSame = deb.control().getOrDefault("Multi-Arch", "").equals("same");
            String full = isSame ? name + ":" + deb.control().getOrDefault("Architecture", "") : name;
            String fields = text("control").strip();
            int end = fields.indexOf('\n') + 1;
            status.append(fields, 0, end).append("Status: install ok unpacked\n");
            status.append(fields, end, fields.length()).append('\n');
            if (!conffileOrder.isEmpty()) {
                status.append("Conffiles:\n");
                for (String path : conffileOrder) {
                    String sum = conffiles.get(path);
                    if (sum == null) {
                        throw new IOException("the package " + name + " lacks its configuration file " + path);
                    }
                    status.append(' ').append(path).append(' ').append(sum).append('\n');
                }
            }
            status.append('\n');
            files.put("info/" + full + ".list", list.toString().getBytes(StandardCharsets.UTF_8));
            control.forEach((file, content) -> {
                if (!file.equals("control")) {
                    files.put("info/" + full + "." + file, content);
                }
            });
            for (String line : text("triggers").lines().toList()) {
                interest(full, line.strip());
            }
        }

        private String text(String file) {
            return new String(control.getOrDefault(file, new byte[0]), StandardCharsets.UTF_8);
        }
    }

    Entry add(DebianPackage deb) {
        return new Entry(deb);
    }

    /** The files of the database by path, relative to the root. */
    Map<String, byte[]> files() {
        Map<String, byte[]> all = new TreeMap<>();
        files.forEach((path, content) -> all.put(DIRECTORY + path, content));
        triggers.forEach((path, content) -> all.put(DIRECTORY + "triggers/" + path, bytes(content)));
        all.put(DIRECTORY + "status", bytes(status));
        all.put(DIRECTORY + "info/format", bytes("1\n"));
        for (String empty : List.of("available", "diversions", "statoverride", "triggers/Unincorp", "triggers/Lock")) {
            all.put(DIRECTORY + empty, new byte[0]);
        }
        return all;
    }

    /** deb-triggers(5): a path that packages install to, or the name of an event. */
    private void interest(String name, String line) {
        String[] words = line.split("\\s+", -1);
        if (words.length < 2 || !words[0].startsWith("interest")) {
            return;
        }
        String waits = words[0].equals("interest-noawait") ? "/noawait" : "";
        boolean isPath = words[1].startsWith("/");
        triggers.computeIfAbsent(isPath ? "File" : words[1], _ -> new StringBuilder())
                .append(isPath ? words[1] + " " : "")
                .append(name)
                .append(waits)
                .append('\n');
    }

    private static byte[] bytes(CharSequence text) {
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }
}
