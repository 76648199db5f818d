package jcrosvm.platform.irqchip;

import jcrosvm.base.Stateful;
import jcrosvm.bus.Bus;
import jcrosvm.bus.BusDevice;

/**
 * The PC's pair of 8259A interrupt controllers, ports 0x20, 0xA0 and the edge/level registers at 0x4D0. Thread-safe.
 * The output is asked for before each entry of vCPU 0, so it is kept ready in a field.
 */
public final class Pic implements Stateful<PicState> {
    private static final int CASCADE = 2;
    // The timer, the keyboard, the cascade, the clock and the numeric error are always edge-triggered.
    static final int MASTER_ELCR = 0xf8;
    static final int SLAVE_ELCR = 0xde;

    private final Runnable onOutput;
    private final Pic8259 master = new Pic8259(MASTER_ELCR, CASCADE);
    private final Pic8259 slave = new Pic8259(SLAVE_ELCR, -1);
    private volatile boolean output;

    /** @param onOutput told each time the output rises; must not wait */
    public Pic(Runnable onOutput) {
        this.onOutput = onOutput;
    }

    public void attach(Bus ports) {
        ports.insert(new Registers("pic-master", master), 0x20, 2);
        ports.insert(new Registers("pic-slave", slave), 0xa0, 2);
        ports.insert(new TriggerModes(), 0x4d0, 2);
    }

    @Override
    public synchronized PicState state() {
        return new PicState(master.state(), slave.state());
    }

    @Override
    public synchronized void restore(PicState state) {
        master.restore(state.master());
        slave.restore(state.slave());
        update();
    }

    /** @param irq 0 to 15; 2 is the cascade and ignored */
    public synchronized void line(int irq, boolean level) {
        if (irq >= 8) {
            slave.line(irq - 8, level);
        } else if (irq != CASCADE) {
            master.line(irq, level);
        }
        update();
    }

    /** Whether a vector waits to be acknowledged. */
    public boolean output() {
        return output;
    }

    /**
     * The processor's acknowledge cycle.
     *
     * @return the vector to deliver, or -1 when nothing is asked for any more
     */
    public synchronized int acknowledge() {
        if (master.pending() < 0) {
            return -1;
        }
        int input = master.acknowledge();
        int vector = input == CASCADE ? slave.vector(slave.acknowledge()) : master.vector(input);
        update();
        return vector;
    }

    private void update() {
        master.line(CASCADE, slave.pending() >= 0);
        boolean now = master.pending() >= 0;
        boolean rose = now && !output;
        output = now;
        if (rose) {
            onOutput.run();
        }
    }

    private final class Registers implements BusDevice {
        private final String name;
        private final Pic8259 chip;

        Registers(String name, Pic8259 chip) {
            this.name = name;
            this.chip = chip;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public long read(long offset, int size) {
            synchronized (Pic.this) {
                int value = offset == 0 ? chip.readCommand() : chip.readData();
                if (value < 0) {
                    value = chip.poll();
                    update();
                }
                return value;
            }
        }

        @Override
        public void write(long offset, int size, long value) {
            synchronized (Pic.this) {
                if (offset == 0) {
                    chip.writeCommand((int) value & 0xff);
                } else {
                    chip.writeData((int) value & 0xff);
                }
                update();
            }
        }
    }

    private final class TriggerModes implements BusDevice {
        @Override
        public String name() {
            return "pic-elcr";
        }

        @Override
        public long read(long offset, int size) {
            synchronized (Pic.this) {
                int both = master.elcr() | (slave.elcr() << 8);
                return offset == 0 ? both : both >> 8;
            }
        }

        @Override
        public void write(long offset, int size, long value) {
            synchronized (Pic.this) {
                if (offset == 0) {
                    master.elcr((int) value & 0xff);
                }
                if (offset == 1 || size > 1) {
                    slave.elcr((int) (offset == 1 ? value : value >> 8) & 0xff);
                }
                update();
            }
        }
    }
}
