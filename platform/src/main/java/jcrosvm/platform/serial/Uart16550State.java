package jcrosvm.platform.serial;

import jcrosvm.base.Limits;

/**
 * Registers of a UART.
 *
 * @param received bytes that wait for the guest
 * @param errors bits of the line status register that wait to be read
 * @param transmitterEvent whether the transmitter's interrupt waits to be identified
 * @param awaitsRoom whether the host had no room for another byte: the event of there being some is still to come
 */
public record Uart16550State(
        byte[] received,
        int ier,
        int fcr,
        int lcr,
        int mcr,
        int errors,
        int msr,
        int scratch,
        int divisor,
        boolean transmitterEvent,
        boolean awaitsRoom) {
    public Uart16550State {
        received = received.clone();
        Limits.range("the number of received bytes", received.length, 0, Uart16550.QUEUE);
        Limits.bits("the UART's ier", ier, 0xf);
        Limits.bits("the UART's fcr", fcr, 0xf9);
        Limits.bits("the UART's lcr", lcr, 0xff);
        Limits.bits("the UART's mcr", mcr, 0x1f);
        Limits.bits("the UART's line errors", errors, Uart16550.LSR_OVERRUN | Uart16550.LSR_BREAK);
        Limits.bits("the UART's msr", msr, 0xff);
        Limits.bits("the UART's scratch register", scratch, 0xff);
        Limits.bits("the UART's divisor", divisor, 0xffff);
    }
}
