package jcrosvm.platform;

import jcrosvm.base.LimitedLog;
import jcrosvm.base.Stateful;
import jcrosvm.bus.Bus;
import jcrosvm.bus.BusDevice;
import jcrosvm.bus.IrqLine;

/**
 * The ACPI fixed hardware (ACPI 6.5, chapter 4.8): PM1 event and control registers and 256 general purpose events, all
 * of which share the SCI. There is no SMI command port, so the hardware is in ACPI mode from the start. Thread-safe.
 */
public final class AcpiPm implements BusDevice, PowerEvents, Stateful<AcpiPmState> {
    /** Ports that the block takes. */
    public static final int SIZE = 70;

    /** Offsets within the block and lengths, for the FADT. */
    public static final int PM1_EVENT = 0;

    public static final int PM1_EVENT_LENGTH = 4;
    public static final int PM1_CONTROL = 4;
    public static final int PM1_CONTROL_LENGTH = 2;
    public static final int GPE0 = 6;
    /** Status and enable registers together. */
    public static final int GPE0_LENGTH = 64;

    /** SLP_TYP values for the DSDT's _S1 and _S5 packages. */
    public static final int SLP_TYP_S1 = 1;

    public static final int SLP_TYP_S5 = 0;

    private static final int PM1_ENABLE = 2;
    private static final int GPE0_ENABLE = GPE0 + GPE0_LENGTH / 2;

    private static final int GBL_STS = 1 << 5;
    private static final int PWRBTN_STS = 1 << 8;
    private static final int SLPBTN_STS = 1 << 9;
    private static final int RTC_STS = 1 << 10;
    private static final int WAK_STS = 1 << 15;
    // The events that can be enabled; the timer's and the global lock's never happen here.
    private static final int EVENTS = 1 | GBL_STS | PWRBTN_STS | SLPBTN_STS | RTC_STS;

    static final int SCI_EN = 1;
    private static final int BM_RLD = 1 << 1;
    private static final int SLP_TYP = 7 << 10;
    private static final int SLP_TYP_SHIFT = 10;
    private static final int SLP_EN = 1 << 13;

    private static final LimitedLog LOG = LimitedLog.of(AcpiPm.class);

    private final IrqLine sci;
    private final PowerControl power;
    // The registers as the guest sees them, little-endian. Guarded by this.
    private final byte[] registers = new byte[SIZE];

    /** @param sci level-triggered */
    public AcpiPm(IrqLine sci, PowerControl power) {
        this.sci = sci;
        this.power = power;
        registers[PM1_CONTROL] = SCI_EN;
    }

    public void attach(Bus ports, int base) {
        ports.insert(this, base, SIZE);
    }

    @Override
    public String name() {
        return "acpi-pm";
    }

    @Override
    public void pressPowerButton() {
        raise(PWRBTN_STS);
    }

    @Override
    public void pressSleepButton() {
        raise(SLPBTN_STS);
    }

    /** The real-time clock's alarm: a wake event. */
    public void rtcAlarm() {
        raise(RTC_STS);
    }

    @Override
    public void woken() {
        raise(WAK_STS);
    }

    @Override
    public synchronized AcpiPmState state() {
        return new AcpiPmState(registers);
    }

    @Override
    public synchronized void restore(AcpiPmState state) {
        System.arraycopy(state.registers(), 0, registers, 0, SIZE);
        update();
    }

    private synchronized void raise(int status) {
        registers[PM1_EVENT] |= (byte) status;
        registers[PM1_EVENT + 1] |= (byte) (status >> 8);
        update();
    }

    /** @param event 0 to 255 */
    public synchronized void raiseGpe(int event) {
        registers[GPE0 + (event >> 3)] |= (byte) (1 << (event & 7));
        update();
    }

    @Override
    public synchronized boolean isEventPending() {
        return pending() != 0;
    }

    private void update() {
        sci.set(pending() != 0);
    }

    private int pending() {
        int pending = word(PM1_EVENT) & word(PM1_ENABLE) & EVENTS;
        for (int i = 0; i < GPE0_LENGTH / 2; i++) {
            pending |= registers[GPE0 + i] & registers[GPE0_ENABLE + i] & 0xff;
        }
        return pending;
    }

    private int word(int offset) {
        return (registers[offset] & 0xff) | ((registers[offset + 1] & 0xff) << 8);
    }

    @Override
    public synchronized long read(long offset, int size) {
        long value = 0;
        for (int i = 0; i < size; i++) {
            int at = (int) offset + i;
            value |= (at < SIZE ? registers[at] & 0xffL : 0xff) << (8 * i);
        }
        return value;
    }

    @Override
    public void write(long offset, int size, long value) {
        boolean sleep = false;
        int type;
        synchronized (this) {
            for (int i = 0; i < size && offset + i < SIZE; i++) {
                sleep |= writeByte((int) offset + i, (int) (value >>> (8 * i)) & 0xff);
            }
            type = (word(PM1_CONTROL) & SLP_TYP) >> SLP_TYP_SHIFT;
            update();
        }
        if (sleep) {
            enter(type);
        }
    }

    /** Whether the guest asked for sleep. */
    private boolean writeByte(int at, int value) {
        if (at < PM1_ENABLE || (at >= GPE0 && at < GPE0_ENABLE)) {
            registers[at] &= (byte) ~value; // status bits are cleared by ones
        } else if (at < PM1_CONTROL) {
            registers[at] = (byte) (value & (EVENTS >> (8 * (at - PM1_ENABLE))));
        } else if (at == PM1_CONTROL) {
            registers[at] = (byte) ((value & BM_RLD) | SCI_EN);
        } else if (at == PM1_CONTROL + 1) {
            registers[at] = (byte) (value & (SLP_TYP >> 8));
            return (value & (SLP_EN >> 8)) != 0;
        } else {
            registers[at] = (byte) value;
        }
        return false;
    }

    private void enter(int type) {
        switch (type) {
            case SLP_TYP_S1 -> power.sleep();
            case SLP_TYP_S5 -> power.powerOff();
            default ->
                LOG.log(
                        System.Logger.Level.WARNING,
                        "the guest asked for sleep type " + type + ", which does not exist");
        }
    }
}
