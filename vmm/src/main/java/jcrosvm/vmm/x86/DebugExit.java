package jcrosvm.vmm.x86;

import java.util.function.IntConsumer;
import jcrosvm.bus.BusDevice;

/** The port of {@code --debug-exit}: a write ends the VM with a value. */
final class DebugExit implements BusDevice {
    static final int PORTS = 4;

    private final IntConsumer exit;

    DebugExit(IntConsumer exit) {
        this.exit = exit;
    }

    @Override
    public String name() {
        return "debug-exit";
    }

    @Override
    public long read(long offset, int size) {
        return 0;
    }

    @Override
    public void write(long offset, int size, long value) {
        exit.accept((int) value);
    }
}
