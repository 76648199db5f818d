package jcrosvm.devices.net;

import jcrosvm.virtio.Interrupt;
import org.jspecify.annotations.Nullable;

/** Whether the cable is plugged in, as the driver sees it in the configuration space. Thread-safe. */
final class LinkStatus {
    private boolean wanted = true;
    private boolean cut;
    private volatile boolean up = true;
    private @Nullable Interrupt interrupt;

    boolean up() {
        return up;
    }

    /** Whom to tell of changes; null when no driver is there. */
    synchronized void tell(@Nullable Interrupt driver) {
        interrupt = driver;
    }

    /** Plugs the cable in or out. */
    synchronized void plug(boolean in) {
        wanted = in;
        update();
    }

    /** The far end is gone for ever. */
    synchronized void cut() {
        cut = true;
        update();
    }

    private void update() {
        boolean now = wanted && !cut;
        if (now != up) {
            up = now;
            if (interrupt != null) {
                interrupt.signalConfig();
            }
        }
    }
}
