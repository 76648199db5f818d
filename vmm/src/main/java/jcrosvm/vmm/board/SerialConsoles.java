package jcrosvm.vmm.board;

import java.util.List;
import jcrosvm.bus.IrqLine;
import jcrosvm.platform.serial.SerialPorts;
import jcrosvm.platform.serial.SerialSetup;
import jcrosvm.serial.SerialConfig;

/**
 * The serial ports, which outlive a reset: their files stay open and their sockets connected, while their interrupt
 * lines lead to whichever machine there is.
 */
public final class SerialConsoles implements AutoCloseable {
    private final SerialSetup setup;
    private final SerialPorts ports;
    private final Relay irq4 = new Relay();
    private final Relay irq3 = new Relay();

    /** An interrupt line whose far end can be moved. */
    private static final class Relay implements IrqLine {
        private IrqLine target = level -> {};

        // Locked, so that on return from connect() no byte is on the way to the old target.
        @Override
        public synchronized void set(boolean level) {
            target.set(level);
        }

        synchronized void target(IrqLine line) {
            target = line;
        }
    }

    public SerialConsoles(List<SerialConfig> configs) {
        setup = SerialSetup.of(configs);
        ports = SerialPorts.open(setup, irq4, irq3);
    }

    public SerialPorts ports() {
        return ports;
    }

    public boolean readsStandardInput() {
        return setup.readsStandardInput();
    }

    public List<String> kernelParameters() {
        return setup.kernelParameters();
    }

    public void connect(IrqLine line4, IrqLine line3) {
        irq4.target(line4);
        irq3.target(line3);
    }

    /** Leads the lines nowhere: their machine is about to go. */
    public void disconnect() {
        connect(level -> {}, level -> {});
    }

    @Override
    public void close() {
        ports.close();
    }
}
