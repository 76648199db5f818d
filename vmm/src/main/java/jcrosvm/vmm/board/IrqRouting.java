package jcrosvm.vmm.board;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import jcrosvm.bus.MessageInterrupt;
import jcrosvm.hypervisor.IrqChip;
import jcrosvm.hypervisor.IrqRoute;
import jcrosvm.hypervisor.Msi;

/** The hypervisor's routing table: routes of the controllers' pins, and behind them of messages. Thread-safe. */
public final class IrqRouting {
    private final IrqChip chip;
    private final int firstMessageGsi;

    private List<IrqRoute> pinRoutes; // guarded by this
    private final Map<Integer, Msi> messageRoutes = new TreeMap<>(); // by GSI; guarded by this

    /** @param pins of the interrupt controllers: messages have the GSIs behind them */
    public IrqRouting(IrqChip chip, int pins) {
        this.chip = chip;
        firstMessageGsi = pins;
        pinRoutes = chip.defaultRoutes();
    }

    /** Replaces the routes of the pins. */
    public synchronized void pinRoutes(List<IrqRoute> routes) {
        pinRoutes = List.copyOf(routes);
        install();
    }

    private void install() {
        List<IrqRoute> all = new ArrayList<>(pinRoutes);
        messageRoutes.forEach((gsi, msi) -> all.add(new IrqRoute.Message(gsi, msi)));
        chip.routes(all);
    }

    /** A new message-signalled interrupt. */
    public MessageInterrupt newMessage() {
        return new MessageRoute(this, chip);
    }

    /** A number of the routing table for a message that an event sends. */
    synchronized int allocateGsi() {
        int gsi = firstMessageGsi;
        while (messageRoutes.containsKey(gsi)) {
            gsi++;
        }
        messageRoutes.put(gsi, new Msi(0, 0));
        return gsi;
    }

    synchronized void route(int gsi, Msi msi) {
        messageRoutes.put(gsi, msi);
        install();
    }

    synchronized void freeGsi(int gsi) {
        messageRoutes.remove(gsi);
        install();
    }
}
