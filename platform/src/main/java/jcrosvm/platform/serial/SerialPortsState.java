package jcrosvm.platform.serial;

import java.util.List;

/** The UARTs of {@link SerialPorts}, COM1 first. */
public record SerialPortsState(List<Uart16550State> uarts) {
    public SerialPortsState {
        uarts = List.copyOf(uarts);
    }
}
