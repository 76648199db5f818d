package jcrosvm.testkit;

import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;

/** Tests that break things on purpose need not say so. */
public final class Quiet {
    private static final List<Logger> LOGS = // held: loggers are weakly reachable
            List.of(Logger.getLogger("jcrosvm.virtio"), Logger.getLogger("jcrosvm.vhostuser"));

    private Quiet() {}

    public static void please() {
        LOGS.forEach(log -> log.setLevel(Level.OFF));
    }
}
