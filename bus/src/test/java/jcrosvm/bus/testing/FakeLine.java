package jcrosvm.bus.testing;

import jcrosvm.bus.IrqLine;

/** An interrupt line that remembers its level and counts rising edges. */
public final class FakeLine implements IrqLine {
    private boolean level;
    private int edges;

    @Override
    public synchronized void set(boolean level) {
        if (level && !this.level) {
            edges++;
        }
        this.level = level;
    }

    public synchronized boolean isUp() {
        return level;
    }

    /** Rising edges so far. */
    public synchronized int edges() {
        return edges;
    }
}
