package jcrosvm.sandbox;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What the messages of this process and its children are about and where they go. The program says it once, at its start.
 *
 * @param filter as of {@code --log-level}
 * @param syslogTag name of the program in the host's log, or null to leave that alone
 * @param directory for the log files of children, or null: they write to where this process writes to
 */
public record LogSettings(
        String filter, @Nullable String syslogTag, @Nullable Path directory) {
    private static volatile LogSettings current = new LogSettings("info", null, null);

    public static LogSettings current() {
        return current;
    }

    /** Makes these the process's. */
    public void use() {
        current = this;
    }
}
