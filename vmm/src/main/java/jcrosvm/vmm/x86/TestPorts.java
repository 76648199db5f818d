package jcrosvm.vmm.x86;

import java.util.function.IntFunction;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.bus.Bus;
import jcrosvm.bus.BusDevice;
import jcrosvm.bus.IrqLine;
import jcrosvm.vmm.board.Parts;

/**
 * Where a guest tests its own machine: interrupt lines to drive, a register that keeps its value, and memory whose every
 * access exits.
 */
final class TestPorts {
    static final int LINES_PORT = 0x2000;
    static final int LINES = 24;
    static final int SCRATCH_PORT = 0xe0;
    static final int SCRATCH_SIZE = 4;
    static final long MEMORY = 0xff00_0000L;
    static final int MEMORY_SIZE = 64 << 10;

    private TestPorts() {}

    static void attach(Bus ports, Bus memory, IntFunction<IrqLine> lines, Parts parts) {
        IrqLine[] all = new IrqLine[LINES];
        for (int gsi = 0; gsi < LINES; gsi++) {
            all[gsi] = lines.apply(gsi);
        }
        ports.insert(new Lines(all), LINES_PORT, LINES);
        Scratch scratch = new Scratch(SCRATCH_SIZE);
        ports.insert(scratch, SCRATCH_PORT, SCRATCH_SIZE);
        parts.add("test-scratch", TestMemoryState.class, scratch);
        Scratch pages = new Scratch(MEMORY_SIZE);
        memory.insert(pages, MEMORY, MEMORY_SIZE);
        parts.add("test-memory", TestMemoryState.class, pages);
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

    private static final class Scratch implements BusDevice, Stateful<TestMemoryState> {
        private final byte[] bytes; // guarded by this

        Scratch(int size) {
            bytes = new byte[size];
        }

        @Override
        public String name() {
            return "test-scratch";
        }

        @Override
        public synchronized TestMemoryState state() {
            return new TestMemoryState(bytes);
        }

        @Override
        public synchronized void restore(TestMemoryState state) {
            if (state.bytes().length != bytes.length) {
                throw new VmmException("the saved test memory has %d bytes, this one has %d"
                        .formatted(state.bytes().length, bytes.length));
            }
            System.arraycopy(state.bytes(), 0, bytes, 0, bytes.length);
        }

        @Override
        public synchronized long read(long offset, int size) {
            long value = 0;
            for (int i = 0; i < size && offset + i < bytes.length; i++) {
                value |= (bytes[(int) offset + i] & 0xffL) << (8 * i);
            }
            return value;
        }

        @Override
        public synchronized void write(long offset, int size, long value) {
            for (int i = 0; i < size && offset + i < bytes.length; i++) {
                bytes[(int) offset + i] = (byte) (value >>> (8 * i));
            }
        }
    }
}
