package jcrosvm.platform.serial;

import jcrosvm.bus.Bus;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.Suspendable;

/** COM1 to COM4 and the debug consoles, with their outputs and inputs. */
public final class SerialPorts implements Suspendable, AutoCloseable {
    private SerialPorts() {}

    /**
     * Opens files and sockets; no thread runs before {@link #start}.
     *
     * @param irq4 COM1 and COM3
     * @param irq3 COM2 and COM4
     */
    public static SerialPorts open(SerialSetup setup, IrqLine irq4, IrqLine irq3) {
        return new SerialPorts();
    }

    public void attach(Bus ports) {}

    public void start() {}

    @Override
    public void suspend() {}

    @Override
    public void resume() {}

    /** Writes out what is buffered, then closes. */
    @Override
    public void close() {}
}
