package jcrosvm.hypervisor.soft;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.EventThread;
import jcrosvm.hypervisor.IrqChip;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.IrqRoute;
import jcrosvm.hypervisor.Msi;
import jcrosvm.hypervisor.soft.apic.ApicBus;
import org.jspecify.annotations.Nullable;

/** Messages to the local APICs; PIC, PIT and IOAPIC are the machine's. */
final class SoftIrqChip implements IrqChip {
    private record IrqFd(int gsi, EventFd trigger) {}

    private final ApicBus bus;
    private final EventThread thread;
    private final List<IrqFd> irqFds = new ArrayList<>(); // guarded by this
    private volatile Map<Integer, List<Msi>> routes = Map.of();

    SoftIrqChip(ApicBus bus, EventThread thread) {
        this.bus = bus;
        this.thread = thread;
    }

    @Override
    public IrqChipMode mode() {
        return IrqChipMode.SPLIT;
    }

    @Override
    public void routes(List<IrqRoute> table) {
        Map<Integer, List<Msi>> now = new HashMap<>();
        for (IrqRoute route : table) {
            switch (route) {
                case IrqRoute.Message(int gsi, Msi msi) ->
                    now.computeIfAbsent(gsi, g -> new ArrayList<>()).add(msi);
                case IrqRoute.Pin pin -> throw new OsException("no controller has the pin of " + pin, Errno.EINVAL);
            }
        }
        routes = now;
    }

    @Override
    public List<IrqRoute> defaultRoutes() {
        return List.of();
    }

    @Override
    public synchronized void registerIrqFd(int gsi, EventFd trigger, @Nullable EventFd resample) {
        if (resample != null) {
            throw new OsException("GSI " + gsi + " has no level to resample in a split interrupt chip", Errno.EINVAL);
        }
        if (irqFds.stream().anyMatch(fd -> fd.trigger == trigger)) {
            throw new OsException("the event of GSI " + gsi + " is registered already", Errno.EBUSY);
        }
        irqFds.add(new IrqFd(gsi, trigger));
        thread.add(trigger.fd(), () -> triggered(gsi, trigger));
    }

    private void triggered(int gsi, EventFd trigger) {
        synchronized (this) {
            if (!irqFds.contains(new IrqFd(gsi, trigger))) {
                return; // and closed, perhaps
            }
            trigger.drain();
        }
        routes.getOrDefault(gsi, List.of()).forEach(this::signal);
    }

    @Override
    public synchronized void unregisterIrqFd(int gsi, EventFd trigger) {
        if (irqFds.remove(new IrqFd(gsi, trigger))) {
            thread.remove(trigger.fd());
        }
    }

    @Override
    public void line(int gsi, boolean level) {
        throw new OsException("GSI " + gsi + " is no line of a split interrupt chip", Errno.ENXIO);
    }

    @Override
    public void signal(Msi msi) {
        bus.message(msi.address(), msi.data());
    }

    @Override
    public byte[] state() {
        return new byte[0];
    }

    @Override
    public void restore(byte[] state) {
        // The local APICs are the processors' state.
    }
}
