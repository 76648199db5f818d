package jcrosvm.platform;

import jcrosvm.bus.Bus;
import jcrosvm.bus.BusDevice;

/**
 * What is left of the keyboard controller: its command port can reset the machine. There is no keyboard; every status
 * bit reads zero, so that a driver that waits for room to write a command goes on at once.
 */
public final class I8042 implements BusDevice {
    private static final int DATA_PORT = 0x60;
    private static final int SYSTEM_CONTROL_PORT = 0x61;
    private static final int COMMAND_PORT = 0x64;
    private static final int PULSE_RESET = 0xfe;
    private static final int TIMER_2_OUTPUT = 0x20;

    private final PowerControl power;

    public I8042(PowerControl power) {
        this.power = power;
    }

    /** @param systemControlPort whether it answers port 0x61 too; false where a PIT does */
    public void attach(Bus ports, boolean systemControlPort) {
        ports.insert(new Port(DATA_PORT), DATA_PORT, 1);
        if (systemControlPort) {
            ports.insert(new Port(SYSTEM_CONTROL_PORT), SYSTEM_CONTROL_PORT, 1);
        }
        ports.insert(this, COMMAND_PORT, 1);
    }

    @Override
    public String name() {
        return "i8042";
    }

    @Override
    public long read(long offset, int size) {
        return 0;
    }

    @Override
    public void write(long offset, int size, long value) {
        if ((value & 0xff) == PULSE_RESET) {
            power.reset();
        }
    }

    private record Port(int number) implements BusDevice {
        @Override
        public String name() {
            return "i8042";
        }

        @Override
        public long read(long offset, int size) {
            return number == SYSTEM_CONTROL_PORT ? TIMER_2_OUTPUT : 0;
        }

        @Override
        public void write(long offset, int size, long value) {}
    }
}
