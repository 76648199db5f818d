package jcrosvm.bus.pci;

import jcrosvm.bus.IrqLine;

/** A function's INTx pin with its gate in the command register. Takes no lock but its own and the line's. */
final class PciIntxPin implements IrqLine {
    private final IrqLine line;
    private boolean level;
    private boolean disabled;

    PciIntxPin(IrqLine line) {
        this.line = line;
    }

    @Override
    public synchronized void set(boolean level) {
        this.level = level;
        line.set(level && !disabled);
    }

    synchronized void disable(boolean disabled) {
        if (this.disabled != disabled) {
            this.disabled = disabled;
            line.set(level && !disabled);
        }
    }

    /** As it was when the machine was saved. */
    synchronized void restore(boolean level, boolean disabled) {
        this.level = level;
        this.disabled = disabled;
        line.set(level && !disabled);
    }

    synchronized boolean level() {
        return level;
    }
}
