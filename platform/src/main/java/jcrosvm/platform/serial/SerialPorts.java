package jcrosvm.platform.serial;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.bus.Bus;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.SharedIrqLine;
import jcrosvm.bus.Suspendable;
import jcrosvm.serial.Endpoints;
import jcrosvm.serial.SerialConfig;
import jcrosvm.serial.SerialInput;
import jcrosvm.serial.SerialOutput;

/**
 * COM1 to COM4 and the debug consoles, with their outputs and inputs. They outlive a reset of the machine: attaching
 * them to the next one's bus resets the registers only.
 */
public final class SerialPorts implements Suspendable, Stateful<SerialPortsState>, AutoCloseable {
    private final SerialSetup setup;
    private final List<Uart16550> uarts = new ArrayList<>();
    private final List<DebugConsole> debugcons = new ArrayList<>();
    private final List<SerialOutput> outputs = new ArrayList<>();
    private final List<SerialInput> inputs = new ArrayList<>();

    private SerialPorts(SerialSetup setup) {
        this.setup = setup;
    }

    /**
     * Opens files and sockets; nothing is read before {@link #start}.
     *
     * @param irq4 COM1 and COM3
     * @param irq3 COM2 and COM4
     * @throws VmmException naming the port and what could not be opened
     */
    public static SerialPorts open(SerialSetup setup, IrqLine irq4, IrqLine irq3) {
        SerialPorts ports = new SerialPorts(setup);
        SharedIrqLine odd = new SharedIrqLine(irq4);
        SharedIrqLine even = new SharedIrqLine(irq3);
        try {
            for (SerialConfig config : setup.ports()) {
                ports.openPort(config, (config.num() % 2 == 1 ? odd : even).source());
            }
            for (SerialConfig config : setup.debugcons()) {
                ports.openDebugcon(config);
            }
            return ports;
        } catch (RuntimeException e) {
            ports.close();
            throw e;
        }
    }

    private void openPort(SerialConfig config, IrqLine irq) {
        String name = "serial" + config.num();
        Endpoints ends = open(name, config);
        Uart16550 uart = new Uart16550(name, irq, ends.output());
        uarts.add(uart);
        Fd in = ends.input();
        if (in != null) {
            inputs.add(new SerialInput(
                    name, in, (bytes, offset, length, millis) -> uart.receive(bytes[offset], millis) ? 1 : 0));
        }
    }

    private void openDebugcon(SerialConfig config) {
        debugcons.add(new DebugConsole(open("debugcon" + config.num(), config).output()));
    }

    private Endpoints open(String name, SerialConfig config) {
        Endpoints ends = Endpoints.open(name, config);
        SerialOutput output = ends.output();
        if (output != null) {
            outputs.add(output);
        }
        Fd terminal = ends.terminal();
        if (terminal != null) {
            terminal.close(); // a UART has no size
        }
        return ends;
    }

    /** Resets the devices and puts them on a machine's bus. */
    public void attach(Bus ports) {
        for (int i = 0; i < uarts.size(); i++) {
            uarts.get(i).reset();
            ports.insert(uarts.get(i), SerialSetup.BASES.get(i), Uart16550.PORTS);
        }
        for (int i = 0; i < debugcons.size(); i++) {
            ports.insert(debugcons.get(i), setup.debugcons().get(i).debugconPort(), 1);
        }
    }

    /** Begins to read input. Idempotent. */
    public void start() {
        inputs.forEach(SerialInput::start);
    }

    /** Input waits in the host; output goes on to be written. */
    @Override
    public void suspend() {
        inputs.forEach(SerialInput::suspend);
    }

    @Override
    public void resume() {
        inputs.forEach(SerialInput::resume);
    }

    @Override
    public SerialPortsState state() {
        return new SerialPortsState(uarts.stream().map(Uart16550::state).toList());
    }

    /** What the host's ends have not read or written yet is not part of the machine. */
    @Override
    public void restore(SerialPortsState state) {
        if (state.uarts().size() != uarts.size()) {
            throw new VmmException("the saved machine has %d serial ports, this one has %d"
                    .formatted(state.uarts().size(), uarts.size()));
        }
        for (int i = 0; i < uarts.size(); i++) {
            uarts.get(i).restore(state.uarts().get(i));
        }
    }

    /** Writes out what is buffered, then closes. */
    @Override
    public void close() {
        inputs.forEach(SerialInput::close);
        outputs.forEach(SerialOutput::close);
    }
}
