package jcrosvm.platform.serial;

import jcrosvm.bus.BusDevice;
import jcrosvm.serial.SerialOutput;
import org.jspecify.annotations.Nullable;

/** A debug console: one port whose reads say that it is there, and whose writes are bytes of output. */
final class DebugConsole implements BusDevice {
    private static final int PRESENT = 0xe9;

    private final @Nullable SerialOutput output;

    /** @param output null to throw bytes away */
    DebugConsole(@Nullable SerialOutput output) {
        this.output = output;
    }

    @Override
    public String name() {
        return "debugcon";
    }

    @Override
    public long read(long offset, int size) {
        return PRESENT;
    }

    @Override
    public void write(long offset, int size, long value) {
        if (output != null) {
            output.put((int) value & 0xff);
        }
    }
}
