package jcrosvm.platform.serial;

import jcrosvm.base.Stateful;
import jcrosvm.bus.BusDevice;
import jcrosvm.bus.IrqLine;
import jcrosvm.serial.SerialOutput;
import org.jspecify.annotations.Nullable;

/**
 * A 16550A UART (National Semiconductor PC16550D). Bytes leave at once, so the transmitter is empty whenever the host
 * keeps up; the line's speed is that of the host. Thread-safe.
 */
final class Uart16550 implements BusDevice, Stateful<Uart16550State> {
    static final int PORTS = 8;
    /** Received bytes that wait for the guest at most. */
    static final int QUEUE = 64;

    private static final int DATA = 0;
    private static final int IER = 1;
    private static final int IIR_FCR = 2;
    private static final int LCR = 3;
    private static final int MCR = 4;
    private static final int LSR = 5;
    private static final int MSR = 6;
    private static final int SCR = 7;

    private static final int IER_RECEIVED = 1;
    private static final int IER_TRANSMITTER = 2;
    private static final int IER_LINE = 4;
    private static final int IER_MODEM = 8;

    private static final int IIR_MODEM = 0x0;
    private static final int IIR_NONE = 0x1;
    private static final int IIR_TRANSMITTER = 0x2;
    private static final int IIR_RECEIVED = 0x4;
    private static final int IIR_LINE = 0x6;
    private static final int IIR_TIMEOUT = 0xc;
    private static final int IIR_FIFO = 0xc0;

    private static final int FCR_ENABLE = 0x01;
    private static final int FCR_CLEAR_RECEIVER = 0x02;
    private static final int FCR_CLEAR_TRANSMITTER = 0x04;
    private static final int[] TRIGGERS = {1, 4, 8, 14};

    private static final int LCR_BREAK = 0x40;
    private static final int LCR_DLAB = 0x80;

    private static final int LSR_DATA = 0x01;
    static final int LSR_OVERRUN = 0x02;
    static final int LSR_BREAK = 0x10;
    private static final int LSR_EMPTY = 0x60;

    private static final int DEFAULT_DIVISOR = 12; // 9600 baud

    private final String name;
    private final IrqLine irq;
    private final @Nullable SerialOutput output;

    // All guarded by this.
    private final ByteQueue received = new ByteQueue(QUEUE);
    private int ier;
    private int fcr;
    private int lcr;
    private int mcr;
    private int errors;
    private int msr;
    private int scratch;
    private int divisor;
    private boolean transmitterEvent;
    private boolean awaitsRoom; // the last byte filled the output, which has not told of room since

    /** @param output null to throw bytes away */
    Uart16550(String name, IrqLine irq, @Nullable SerialOutput output) {
        this.name = name;
        this.irq = irq;
        this.output = output;
        reset();
        if (output != null) {
            output.onRoom(this::transmitterEmptied);
        }
    }

    /** The state after power-on. */
    synchronized void reset() {
        received.clear();
        ier = 0;
        fcr = 0;
        lcr = 3;
        mcr = 0;
        errors = 0;
        msr = ModemLines.MSR_CONNECTED;
        scratch = 0;
        divisor = DEFAULT_DIVISOR;
        transmitterEvent = false;
        awaitsRoom = false;
        update();
        notifyAll();
    }

    @Override
    public synchronized Uart16550State state() {
        return new Uart16550State(
                received.content(), ier, fcr, lcr, mcr, errors, msr, scratch, divisor, transmitterEvent, awaitsRoom);
    }

    @Override
    public synchronized void restore(Uart16550State state) {
        received.content(state.received());
        ier = state.ier();
        fcr = state.fcr();
        lcr = state.lcr();
        mcr = state.mcr();
        errors = state.errors();
        msr = state.msr();
        scratch = state.scratch();
        divisor = state.divisor();
        // The output that was full stayed behind: if this one has room, its event will not come any more.
        awaitsRoom = state.awaitsRoom() && transmitterBusy();
        transmitterEvent = state.transmitterEvent() || state.awaitsRoom() && !awaitsRoom;
        update();
        notifyAll();
    }

    @Override
    public String name() {
        return name;
    }

    /**
     * Takes a byte from the line, waiting for room.
     *
     * @return false when the wait was longer than this
     */
    synchronized boolean receive(byte value, long waitMillis) throws InterruptedException {
        long deadline = System.nanoTime() + waitMillis * 1_000_000;
        while (received.isFull() || isLoop()) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            wait(left / 1_000_000 + 1);
        }
        received.add(value);
        update();
        return true;
    }

    private boolean isLoop() {
        return (mcr & ModemLines.MCR_LOOP) != 0;
    }

    private synchronized void transmitterEmptied() {
        awaitsRoom = false;
        transmitterEvent = true;
        update();
    }

    private boolean transmitterBusy() {
        return output != null && output.congested();
    }

    @Override
    public synchronized long read(long offset, int size) {
        long value = 0;
        for (int i = 0; i < size; i++) {
            value |= (long) readRegister((int) offset + i) << (8 * i);
        }
        return value;
    }

    // Wider accesses become several of one byte, as on the bus of the original.
    private int readRegister(int register) {
        boolean dlab = (lcr & LCR_DLAB) != 0;
        return switch (register) {
            case DATA -> dlab ? divisor & 0xff : take();
            case IER -> dlab ? divisor >> 8 : ier;
            case IIR_FCR -> identify();
            case LCR -> lcr;
            case MCR -> mcr;
            case LSR -> lineStatus();
            case MSR -> modemStatus();
            case SCR -> scratch;
            default -> 0xff;
        };
    }

    private int take() {
        if (received.count() == 0) {
            return 0;
        }
        int value = received.take();
        update();
        if (received.count() <= QUEUE / 2) {
            notifyAll();
        }
        return value;
    }

    private int identify() {
        int id = pending();
        if (id == IIR_TRANSMITTER) {
            transmitterEvent = false;
            update();
        }
        return (fcr & FCR_ENABLE) != 0 ? id | IIR_FIFO : id;
    }

    private int pending() {
        if ((ier & IER_LINE) != 0 && errors != 0) {
            return IIR_LINE;
        }
        if ((ier & IER_RECEIVED) != 0 && received.count() > 0) {
            // The pause after which a FIFO reports fewer bytes than its trigger is over at once here.
            return received.count() >= trigger() ? IIR_RECEIVED : IIR_TIMEOUT;
        }
        if ((ier & IER_TRANSMITTER) != 0 && transmitterEvent) {
            return IIR_TRANSMITTER;
        }
        if ((ier & IER_MODEM) != 0 && (msr & 0xf) != 0) {
            return IIR_MODEM;
        }
        return IIR_NONE;
    }

    private int trigger() {
        return (fcr & FCR_ENABLE) != 0 ? TRIGGERS[fcr >> 6] : 1;
    }

    private int lineStatus() {
        int value = errors | (received.count() > 0 ? LSR_DATA : 0) | (transmitterBusy() ? 0 : LSR_EMPTY);
        errors = 0;
        update();
        return value;
    }

    private int modemStatus() {
        int value = msr;
        msr &= ~0xf;
        update();
        return value;
    }

    @Override
    public synchronized void write(long offset, int size, long value) {
        for (int i = 0; i < size; i++) {
            writeRegister((int) offset + i, (int) (value >>> (8 * i)) & 0xff);
        }
    }

    private void writeRegister(int register, int b) {
        boolean dlab = (lcr & LCR_DLAB) != 0;
        switch (register) {
            case DATA -> {
                if (dlab) {
                    divisor = (divisor & 0xff00) | b;
                } else {
                    transmit((byte) b);
                }
            }
            case IER -> {
                if (dlab) {
                    divisor = (divisor & 0xff) | (b << 8);
                } else {
                    writeIer(b);
                }
            }
            case IIR_FCR -> writeFcr(b);
            case LCR -> {
                boolean startsBreak = (b & ~lcr & LCR_BREAK) != 0;
                lcr = b;
                if (startsBreak && isLoop()) {
                    loop((byte) 0);
                    errors |= LSR_BREAK;
                    update();
                }
            }
            case MCR -> writeMcr(b & 0x1f);
            case SCR -> scratch = b;
            default -> {
                // LSR and MSR are read-only
            }
        }
    }

    private void transmit(byte value) {
        if (isLoop()) {
            loop(value);
        } else if (output != null) {
            output.put(value);
        }
        // Writing resets the request; it comes back as soon as there is room again, which usually is now.
        awaitsRoom = transmitterBusy();
        transmitterEvent = !awaitsRoom;
        update();
    }

    private void loop(byte value) {
        if (received.isFull()) {
            errors |= LSR_OVERRUN;
        } else {
            received.add(value);
        }
    }

    private void writeIer(int value) {
        int enabled = value & ~ier;
        ier = value & 0xf;
        if ((enabled & IER_TRANSMITTER) != 0 && !transmitterBusy()) {
            transmitterEvent = true; // enabling it while the transmitter is empty is an event, too
        }
        update();
    }

    private void writeFcr(int value) {
        boolean toggled = ((value ^ fcr) & FCR_ENABLE) != 0;
        if (toggled || (value & FCR_CLEAR_RECEIVER) != 0) {
            received.clear();
            notifyAll();
        }
        fcr = (value & FCR_ENABLE) != 0 ? value & ~(FCR_CLEAR_RECEIVER | FCR_CLEAR_TRANSMITTER) & 0xff : 0;
        update();
    }

    private void writeMcr(int value) {
        boolean leftLoop = (mcr & ~value & ModemLines.MCR_LOOP) != 0;
        mcr = value;
        msr = ModemLines.status(value, msr);
        update();
        if (leftLoop) {
            notifyAll();
        }
    }

    // On a PC the OUT2 pin gates the interrupt; in loopback the pin itself is inactive.
    private void update() {
        irq.set(pending() != IIR_NONE && (mcr & (ModemLines.MCR_OUT2 | ModemLines.MCR_LOOP)) == ModemLines.MCR_OUT2);
    }
}
