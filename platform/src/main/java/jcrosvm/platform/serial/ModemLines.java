package jcrosvm.platform.serial;

/** The modem control and status registers: a terminal that is always connected, or the control lines themselves. */
final class ModemLines {
    static final int MCR_DTR = 0x01;
    static final int MCR_RTS = 0x02;
    static final int MCR_OUT1 = 0x04;
    static final int MCR_OUT2 = 0x08;
    static final int MCR_LOOP = 0x10;

    private static final int MSR_CTS = 0x10;
    private static final int MSR_DSR = 0x20;
    private static final int MSR_RI = 0x40;
    private static final int MSR_DCD = 0x80;
    private static final int MSR_DELTA_RI = 0x04;
    static final int MSR_CONNECTED = MSR_CTS | MSR_DSR | MSR_DCD;

    private ModemLines() {}

    /** The status after the control register was written: what has changed since the status was read stays in it. */
    static int status(int mcr, int oldStatus) {
        int lines = MSR_CONNECTED;
        if ((mcr & MCR_LOOP) != 0) {
            lines = ((mcr & MCR_RTS) != 0 ? MSR_CTS : 0)
                    | ((mcr & MCR_DTR) != 0 ? MSR_DSR : 0)
                    | ((mcr & MCR_OUT1) != 0 ? MSR_RI : 0)
                    | ((mcr & MCR_OUT2) != 0 ? MSR_DCD : 0);
        }
        int changed = (oldStatus ^ lines) & 0xf0;
        int delta = changed >> 4;
        if ((lines & MSR_RI) != 0) {
            delta &= ~MSR_DELTA_RI; // only the end of a ring is reported
        }
        return lines | (oldStatus & 0xf) | delta;
    }
}
