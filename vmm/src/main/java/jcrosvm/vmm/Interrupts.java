package jcrosvm.vmm;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.bus.Bus;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.MessageInterrupt;
import jcrosvm.bus.Suspendable;
import jcrosvm.hypervisor.IrqChip;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.IrqRoute;
import jcrosvm.hypervisor.Msi;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.platform.irqchip.UserspaceIrqChip;
import org.jspecify.annotations.Nullable;

/** Interrupt lines of the machine, whoever emulates the controllers. */
final class Interrupts implements Suspendable, Stateful<InterruptsState> {
    /** Behind the pins of the IOAPIC. */
    private static final int FIRST_MESSAGE_GSI = 24;

    private final IrqChip chip;
    private final @Nullable UserspaceIrqChip userspace;

    private List<IrqRoute> pinRoutes = List.of(); // guarded by this
    private final Map<Integer, Msi> messageRoutes = new TreeMap<>(); // by GSI; guarded by this

    /** @param picOutput kicks vCPU 0 */
    Interrupts(IrqChip chip, MachineClock clock, Runnable picOutput) {
        this.chip = chip;
        userspace = chip.mode() == IrqChipMode.SPLIT
                ? new UserspaceIrqChip(clock, chip::signal, picOutput, this::pinRoutes)
                : null;
        pinRoutes = chip.defaultRoutes();
    }

    private synchronized void pinRoutes(List<IrqRoute> routes) {
        pinRoutes = List.copyOf(routes);
        install();
    }

    private void install() {
        List<IrqRoute> all = new ArrayList<>(pinRoutes);
        messageRoutes.forEach((gsi, msi) -> all.add(new IrqRoute.Message(gsi, msi)));
        chip.routes(all);
    }

    /** A new message-signalled interrupt. */
    MessageInterrupt newMessage() {
        return new MessageRoute(this, chip);
    }

    /** A number of the routing table for a message that an event sends. */
    synchronized int allocateGsi() {
        int gsi = FIRST_MESSAGE_GSI;
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

    void attach(Bus ports, Bus memory) {
        if (userspace != null) {
            userspace.attach(ports, memory);
        }
    }

    /** @param gsi 0 to 23 */
    IrqLine line(int gsi) {
        return userspace != null ? userspace.line(gsi) : level -> chip.line(gsi, level);
    }

    /** The handler of a vCPU's exits. Only the boot processor is wired to the PIC. */
    VcpuExitHandler exits(Bus ports, Bus memory, boolean bootProcessor) {
        UserspaceIrqChip user = userspace;
        if (user == null) {
            return new BusExits(ports, memory);
        }
        return new BusExits(ports, memory) {
            @Override
            public void endOfInterrupt(int vector) {
                user.endOfInterrupt(vector);
            }

            @Override
            public boolean externalInterrupt() {
                return bootProcessor && user.externalInterrupt();
            }

            @Override
            public int acknowledgeInterrupt() {
                return bootProcessor ? user.acknowledgeInterrupt() : -1;
            }
        };
    }

    @Override
    public InterruptsState state() {
        return new InterruptsState(Optional.ofNullable(userspace).map(UserspaceIrqChip::state), chip.state());
    }

    @Override
    public void restore(InterruptsState state) {
        if (state.userspace().isPresent() != (userspace != null)) {
            throw new VmmException("the saved machine's interrupt controllers are "
                    + (userspace != null
                            ? "the hypervisor's, this one's are not"
                            : "not the hypervisor's, as this one's are"));
        }
        chip.restore(state.kernel());
        if (userspace != null) {
            userspace.restore(state.userspace().orElseThrow());
        }
    }

    @Override
    public void suspend() {
        if (userspace != null) {
            userspace.suspend();
        }
    }

    @Override
    public void resume() {
        if (userspace != null) {
            userspace.resume();
        }
    }
}
