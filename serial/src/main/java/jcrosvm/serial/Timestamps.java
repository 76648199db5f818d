package jcrosvm.serial;

import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** The present time, as it begins a line. A class of its own: formatters are dear to make, and few ports need one. */
final class Timestamps {
    private static final DateTimeFormatter BRACKETED = DateTimeFormatter.ofPattern("'['uuuu-MM-dd HH:mm:ss.SSS'] '");
    private static final DateTimeFormatter SYSLOG = DateTimeFormatter.ofPattern("MMM ppd HH:mm:ss", Locale.ENGLISH);

    private Timestamps() {}

    /** In brackets with a space behind, UTC. */
    static String bracketed() {
        return BRACKETED.format(LocalDateTime.now(ZoneOffset.UTC));
    }

    /** As the system's log wants it (RFC 3164, 4.1.2), in the host's time zone. */
    static String syslog() {
        return SYSLOG.format(LocalDateTime.now(ZoneId.systemDefault()));
    }
}
