package jcrosvm.vmm;

import java.util.function.IntFunction;
import jcrosvm.bus.Bus;
import jcrosvm.bus.BusDevice;
import jcrosvm.bus.IrqLine;

/** Ports through which a guest tests its own machine: interrupt lines to drive, and a register that keeps its value. */
final class TestPorts {
    static final int LINES_PORT = 0x2000;
    static final int LINES = 24;
    static final int SCRATCH_PORT = 0xe0;
    static final int SCRATCH_SIZE = 4;

    private TestPorts() {}

    static void attach(Bus ports, IntFunction<IrqLine> lines) {
        IrqLine[] all = new IrqLine[LINES];
        for (int gsi = 0; gsi < LINES; gsi++) {
            all[gsi] = lines.apply(gsi);
        }
        ports.insert(new Lines(all), LINES_PORT, LINES);
        ports.insert(new Scratch(), SCRATCH_PORT, SCRATCH_SIZE);
    }

    private record Lines(IrqLine[] lines) implements BusDevice {
        @Override
        public String name() {
            return "test-lines";
        }

        @Override
        public long read(long offset, int size) {
            return 0;
        }

        @Override
        public void write(long offset, int size, long value) {
            lines[(int) offset].set(value != 0);
        }
    }

    private static final class Scratch implements BusDevice {
        private int value;

        @Override
        public String name() {
            return "test-scratch";
        }

        @Override
        public synchronized long read(long offset, int size) {
            return Integer.toUnsignedLong(value) >>> (8 * (int) offset);
        }

        @Override
        public synchronized void write(long offset, int size, long bytes) {
            int shift = 8 * (int) offset;
            int mask = (int) Bus.ones(size) << shift;
            value = (value & ~mask) | (((int) bytes << shift) & mask);
        }
    }
}
