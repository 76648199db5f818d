package jcrosvm.vmm.x86;

import java.util.Optional;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.bus.Bus;
import jcrosvm.bus.DeviceClock;
import jcrosvm.bus.IrqLine;
import jcrosvm.bus.MessageInterrupt;
import jcrosvm.bus.Suspendable;
import jcrosvm.hypervisor.IrqChip;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.VcpuExitHandler;
import jcrosvm.platform.irqchip.UserspaceIrqChip;
import jcrosvm.vmm.board.Interrupts;
import jcrosvm.vmm.board.IrqRouting;
import org.jspecify.annotations.Nullable;

/** PIC and IOAPIC, wherever they are emulated. */
final class X86Interrupts implements Interrupts, Suspendable, Stateful<InterruptsState> {
    private static final int IOAPIC_PINS = 24;

    private final IrqChip chip;
    private final @Nullable UserspaceIrqChip userspace;
    private final IrqRouting routing;

    /** @param picOutput kicks vCPU 0 */
    X86Interrupts(IrqChip chip, DeviceClock clock, Runnable picOutput) {
        this.chip = chip;
        routing = new IrqRouting(chip, IOAPIC_PINS);
        userspace = chip.mode() == IrqChipMode.SPLIT
                ? new UserspaceIrqChip(clock, chip::signal, picOutput, routing::pinRoutes)
                : null;
    }

    @Override
    public MessageInterrupt newMessage() {
        return routing.newMessage();
    }

    void attach(Bus ports, Bus memory) {
        if (userspace != null) {
            userspace.attach(ports, memory);
        }
    }

    /** @param gsi 0 to 23 */
    @Override
    public IrqLine line(int gsi) {
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
