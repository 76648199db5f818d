package jcrosvm.testkit;

import java.util.logging.Level;
import java.util.logging.Logger;

/** Tests that break things on purpose need not say so. */
public final class Quiet {
    private static final Logger VIRTIO = Logger.getLogger("jcrosvm.virtio"); // held: loggers are weakly reachable

    private Quiet() {}

    public static void please() {
        VIRTIO.setLevel(Level.OFF);
    }
}
