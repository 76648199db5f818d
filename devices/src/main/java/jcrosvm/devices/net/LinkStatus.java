package jcrosvm.devices.net;

import jcrosvm.virtio.DeviceHost;

/** Whether the cable is plugged in, as the driver sees it in the configuration space. Thread-safe. */
final class LinkStatus {
    private boolean wanted = true;
    private boolean cut;
    private volatile boolean up = true;
    private DeviceHost host = DeviceHost.NONE;

    boolean up() {
        return up;
    }

    /** Learns of changes from now on. */
    synchronized void attach(DeviceHost newHost) {
        host = newHost;
    }

    /** Whether the cable is to be plugged in, whatever its far end is like. */
    synchronized boolean wanted() {
        return wanted;
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
            host.configChanged();
        }
    }
}
