package jcrosvm.platform.irqchip;

import java.util.List;
import jcrosvm.base.Limits;

/**
 * Registers of {@link IoApic}.
 *
 * @param entries the redirection table, 24 entries of 64 bits
 * @param lines inputs that are high, bit n for input n
 * @param select the register behind the window
 * @param id the identification register
 */
public record IoApicState(List<Long> entries, int lines, int select, int id) {
    private static final long ENTRY_BITS = 0xffffffff_0001ffffL & ~RedirectionEntry.DELIVERY_STATUS;

    public IoApicState {
        entries = List.copyOf(entries);
        Limits.size("the IOAPIC's redirection table", entries.size(), IoApic.PINS);
        entries.forEach(entry -> Limits.bits("a redirection entry", entry, ENTRY_BITS));
        Limits.bits("the IOAPIC's lines", lines, (1 << IoApic.PINS) - 1);
        Limits.bits("the IOAPIC's register select", select, 0xff);
        Limits.bits("the IOAPIC's id", id, IoApic.ID_BITS);
    }
}
