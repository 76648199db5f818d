package jcrosvm.bus;

/** A line that several devices pull: up while any of them holds it up. Thread-safe. */
public final class SharedIrqLine {
    private final IrqLine line;
    private int raised;

    public SharedIrqLine(IrqLine line) {
        this.line = line;
    }

    /** One more device's end of the line, down at first. */
    public IrqLine source() {
        return new Source();
    }

    private final class Source implements IrqLine {
        private boolean level;

        @Override
        public void set(boolean level) {
            // The line is set under the lock: two changes must not reach it in the wrong order.
            synchronized (SharedIrqLine.this) {
                if (this.level == level) {
                    return;
                }
                this.level = level;
                raised += level ? 1 : -1;
                if (raised == (level ? 1 : 0)) {
                    line.set(level);
                }
            }
        }
    }
}
