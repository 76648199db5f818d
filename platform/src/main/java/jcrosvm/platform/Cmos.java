package jcrosvm.platform;

import jcrosvm.bus.Bus;
import jcrosvm.bus.DeviceClock;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.Suspendable;

/** CMOS memory and real-time clock, ports 0x70 and 0x71. */
public final class Cmos implements Suspendable {
    /** FADT fields: the registers of the alarm's day and month, and of the century. */
    public static final int DAY_ALARM = 0x7d;

    public static final int MONTH_ALARM = 0x7e;
    public static final int CENTURY = 0x32;

    /** @param alarm also told of alarms: {@link AcpiPm#rtcAlarm} */
    public Cmos(DeviceClock clock, IrqLine irq, Runnable alarm, long ramBelow4GiB, long ramAbove4GiB) {}

    public void attach(Bus ports) {}

    @Override
    public void suspend() {}

    @Override
    public void resume() {}
}
