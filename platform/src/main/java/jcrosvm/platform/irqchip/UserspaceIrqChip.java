package jcrosvm.platform.irqchip;

import java.util.List;
import java.util.function.Consumer;
import jcrosvm.base.Stateful;
import jcrosvm.bus.Bus;
import jcrosvm.bus.DeviceClock;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.Suspendable;
import jcrosvm.hypervisor.IrqRoute;
import jcrosvm.hypervisor.Msi;

/**
 * PIC, PIT and IOAPIC in user space, for {@link jcrosvm.hypervisor.IrqChipMode#SPLIT}. Thread-safe.
 *
 * <p>GSI n is input n of the IOAPIC and, below 16, of the PIC too; the timer is GSI 0. The last methods have the
 * meaning of those of {@link jcrosvm.hypervisor.VcpuExitHandler} with the same names.
 */
public final class UserspaceIrqChip implements Suspendable, Stateful<UserspaceIrqChipState> {
    private static final int PIC_INPUTS = 16;

    private final Pic pic;
    private final IoApic ioApic;
    private final Pit pit;

    /**
     * @param msi delivers the IOAPIC's interrupts: {@code IrqChip::signal}
     * @param picOutput told when the PIC begins to ask for attention: kicks vCPU 0
     * @param routesChanged gets the messages of the level-triggered pins, to be installed as routes of their GSIs
     *     beside the MSI ones, so that the hypervisor reports the end of these interrupts
     */
    public UserspaceIrqChip(
            DeviceClock clock, Consumer<Msi> msi, Runnable picOutput, Consumer<List<IrqRoute>> routesChanged) {
        pic = new Pic(picOutput);
        ioApic = new IoApic(msi, routesChanged);
        pit = new Pit(clock, line(0));
    }

    public void attach(Bus ports, Bus memory) {
        pic.attach(ports);
        pit.attach(ports);
        ioApic.attach(memory);
    }

    /** @param gsi 0 to 23 */
    public IrqLine line(int gsi) {
        if (gsi < 0 || gsi >= IoApic.PINS) {
            throw new IllegalArgumentException("GSI " + gsi);
        }
        return level -> {
            if (gsi < PIC_INPUTS) {
                pic.line(gsi, level);
            }
            ioApic.line(gsi, level);
        };
    }

    @Override
    public UserspaceIrqChipState state() {
        return new UserspaceIrqChipState(pic.state(), ioApic.state(), pit.state());
    }

    @Override
    public void restore(UserspaceIrqChipState state) {
        pic.restore(state.pic());
        ioApic.restore(state.ioApic());
        pit.restore(state.pit());
    }

    public void endOfInterrupt(int vector) {
        ioApic.endOfInterrupt(vector);
    }

    public boolean externalInterrupt() {
        return pic.output();
    }

    public int acknowledgeInterrupt() {
        return pic.acknowledge();
    }

    @Override
    public void suspend() {
        pit.suspend();
    }

    @Override
    public void resume() {
        pit.resume();
    }
}
