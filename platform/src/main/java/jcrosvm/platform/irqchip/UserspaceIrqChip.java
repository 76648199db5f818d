package jcrosvm.platform.irqchip;

import java.util.List;
import java.util.function.Consumer;
import jcrosvm.bus.Bus;
import jcrosvm.bus.DeviceClock;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.Suspendable;
import jcrosvm.hypervisor.IrqRoute;
import jcrosvm.hypervisor.Msi;

/** PIC, PIT and IOAPIC in user space, for {@link jcrosvm.hypervisor.IrqChipMode#SPLIT}. Thread-safe. */
public final class UserspaceIrqChip implements Suspendable {
    /**
     * @param msi delivers the IOAPIC's interrupts: {@code IrqChip::signal}
     * @param picOutput told when the PIC begins to ask for attention: kicks vCPU 0
     * @param routesChanged gets the messages of pins 0 to 23 (those that are programmed), to be installed as routes of
     *     GSIs 0 to 23 beside the MSI ones, so that the hypervisor reports the end of level-triggered interrupts
     */
    public UserspaceIrqChip(
            DeviceClock clock, Consumer<Msi> msi, Runnable picOutput, Consumer<List<IrqRoute>> routesChanged) {}

    public void attach(Bus ports, Bus memory) {}

    /** @param gsi 0 to 23 */
    public IrqLine line(int gsi) {
        return level -> {};
    }

    public void endOfInterrupt(int vector) {}

    public boolean externalInterrupt() {
        return false;
    }

    public int acknowledgeInterrupt() {
        return -1;
    }

    @Override
    public void suspend() {}

    @Override
    public void resume() {}
}
