package jcrosvm.platform;

import jcrosvm.bus.Bus;
import jcrosvm.bus.IrqLine;

/** The ACPI fixed hardware: PM1 event and control registers, general purpose events. */
public final class AcpiPm {
    /** Ports that the block takes. */
    public static final int SIZE = 0x60;

    /** Offsets within the block and lengths, for the FADT. */
    public static final int PM1_EVENT = 0x00;

    public static final int PM1_EVENT_LENGTH = 4;
    public static final int PM1_CONTROL = 0x04;
    public static final int PM1_CONTROL_LENGTH = 2;
    public static final int GPE0 = 0x08;
    /** Status and enable registers together, for 256 events. */
    public static final int GPE0_LENGTH = 64;

    /** SLP_TYP values for the DSDT's _S1 and _S5 packages. */
    public static final int SLP_TYP_S1 = 1;

    public static final int SLP_TYP_S5 = 0;

    public AcpiPm(IrqLine sci, PowerControl power) {}

    public void attach(Bus ports, int base) {}

    public void pressPowerButton() {}

    public void pressSleepButton() {}

    /** The real-time clock's alarm: a wake event. */
    public void rtcAlarm() {}

    /** The machine has come back from sleep. */
    public void woken() {}

    public void raiseGpe(int event) {}
}
