package jcrosvm.bus.pci;

import jcrosvm.bus.IrqLine;

/** A function's INTx pin with its gate in the command register. Takes no lock but its own and the line's. */
final class PciIntxPin implements IrqLine {
    private final IrqLine line;
    private boolean level;
    private boolean disabled;
    private boolean removed;

    PciIntxPin(IrqLine line) {
        this.line = line;
    }

    @Override
    public synchronized void set(boolean level) {
        this.level = level;
        update();
    }

    synchronized void disable(boolean disabled) {
        if (this.disabled != disabled) {
            this.disabled = disabled;
            update();
        }
    }

    /** As it was when the machine was saved. */
    synchronized void restore(boolean level, boolean disabled) {
        this.level = level;
        this.disabled = disabled;
        update();
    }

    private void update() {
        line.set(level && !disabled && !removed);
    }

    /** Takes it off its line: what the function does with it does not matter any more. */
    synchronized void remove() {
        removed = true;
        update();
    }

    synchronized boolean level() {
        return level;
    }
}
