package jcrosvm.hypervisor.kvm;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.hypervisor.IrqChip;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.IrqRoute;
import jcrosvm.hypervisor.Msi;
import jcrosvm.hypervisor.x86.IrqController;
import org.jspecify.annotations.Nullable;

/** The interrupt ioctls of a VM descriptor. */
final class KvmIrqChip implements IrqChip {
    private static final int IOAPIC_PINS = 24;
    private static final int ROUTE_SIZE = 48;
    private static final int CHIPS = 3; // master PIC, slave PIC, IOAPIC, numbered as KVM does
    private static final int CHIP_SIZE = 520;
    private static final int PIT_SIZE = 112;

    /** Of each thread that sends messages: devices do so all the time. */
    private static final ThreadLocal<MemorySegment> MESSAGE =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(32, 8));

    private final Fd vm;
    private final IrqChipMode mode;

    KvmIrqChip(Fd vm, IrqChipMode mode) {
        this.vm = vm;
        this.mode = mode;
        switch (mode) {
            case KERNEL -> {
                vm.ioctl("KVM_CREATE_IRQCHIP", KvmSpec.KVM_CREATE_IRQCHIP, 0);
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment pit = arena.allocate(64, 8);
                    pit.set(ValueLayout.JAVA_INT, 0, KvmSpec.KVM_PIT_SPEAKER_DUMMY);
                    vm.ioctl("KVM_CREATE_PIT2", KvmSpec.KVM_CREATE_PIT2, pit);
                }
            }
            case SPLIT -> {
                try (Arena arena = Arena.ofConfined()) {
                    MemorySegment cap = arena.allocate(104, 8);
                    cap.set(ValueLayout.JAVA_INT, 0, KvmSpec.Cap.KVM_CAP_SPLIT_IRQCHIP.number);
                    cap.set(ValueLayout.JAVA_LONG, 8, IOAPIC_PINS);
                    vm.ioctl("KVM_ENABLE_CAP KVM_CAP_SPLIT_IRQCHIP", KvmSpec.KVM_ENABLE_CAP, cap);
                }
            }
        }
    }

    @Override
    public IrqChipMode mode() {
        return mode;
    }

    @Override
    public List<IrqRoute> defaultRoutes() {
        List<IrqRoute> routes = new ArrayList<>();
        if (mode == IrqChipMode.KERNEL) {
            for (int gsi = 0; gsi < IOAPIC_PINS; gsi++) {
                if (gsi < 8) {
                    routes.add(pin(gsi, IrqController.PIC_MASTER, gsi));
                } else if (gsi < 16) {
                    routes.add(pin(gsi, IrqController.PIC_SLAVE, gsi - 8));
                }
                routes.add(pin(gsi, IrqController.IOAPIC, gsi));
            }
        }
        return routes;
    }

    @Override
    public void routes(List<IrqRoute> routes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment table = arena.allocate(8 + (long) routes.size() * ROUTE_SIZE, 8);
            table.set(ValueLayout.JAVA_INT, 0, routes.size());
            long at = 8;
            for (IrqRoute route : routes) {
                table.set(ValueLayout.JAVA_INT, at, route.gsi());
                switch (route) {
                    case IrqRoute.Pin(int gsi, int controller, int pin) -> {
                        table.set(ValueLayout.JAVA_INT, at + 4, KvmSpec.KVM_IRQ_ROUTING_IRQCHIP);
                        table.set(ValueLayout.JAVA_INT, at + 16, controller);
                        table.set(ValueLayout.JAVA_INT, at + 20, pin);
                    }
                    case IrqRoute.Message(int gsi, Msi msi) -> {
                        table.set(ValueLayout.JAVA_INT, at + 4, KvmSpec.KVM_IRQ_ROUTING_MSI);
                        message(table, at + 16, msi);
                    }
                }
                at += ROUTE_SIZE;
            }
            vm.ioctl("KVM_SET_GSI_ROUTING", KvmSpec.KVM_SET_GSI_ROUTING, table);
        }
    }

    private static IrqRoute pin(int gsi, IrqController controller, int pin) {
        return new IrqRoute.Pin(gsi, controller.number(), pin);
    }

    // address_lo, address_hi, data: the same order in routes and in struct kvm_msi
    private static void message(MemorySegment to, long at, Msi msi) {
        to.set(ValueLayout.JAVA_INT, at, (int) msi.address());
        to.set(ValueLayout.JAVA_INT, at + 4, (int) (msi.address() >>> 32));
        to.set(ValueLayout.JAVA_INT, at + 8, msi.data());
    }

    @Override
    public void registerIrqFd(int gsi, EventFd trigger, @Nullable EventFd resample) {
        irqFd(gsi, trigger, resample, resample == null ? 0 : KvmSpec.KVM_IRQFD_FLAG_RESAMPLE);
    }

    @Override
    public void unregisterIrqFd(int gsi, EventFd trigger) {
        irqFd(gsi, trigger, null, KvmSpec.KVM_IRQFD_FLAG_DEASSIGN);
    }

    private void irqFd(int gsi, EventFd trigger, @Nullable EventFd resample, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(32, 8);
            request.set(ValueLayout.JAVA_INT, 0, trigger.fd().number());
            request.set(ValueLayout.JAVA_INT, 4, gsi);
            request.set(ValueLayout.JAVA_INT, 8, flags);
            request.set(
                    ValueLayout.JAVA_INT,
                    12,
                    resample == null ? 0 : resample.fd().number());
            vm.ioctl("KVM_IRQFD for GSI " + gsi, KvmSpec.KVM_IRQFD, request);
        }
    }

    @Override
    public void line(int gsi, boolean level) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(8, 4);
            request.set(ValueLayout.JAVA_INT, 0, gsi);
            request.set(ValueLayout.JAVA_INT, 4, level ? 1 : 0);
            vm.ioctl("KVM_IRQ_LINE", KvmSpec.KVM_IRQ_LINE, request);
        }
    }

    @Override
    public void signal(Msi msi) {
        MemorySegment request = MESSAGE.get();
        message(request, 0, msi);
        // A guest may address a processor that is not there; the message is lost, as on hardware.
        vm.tryIoctl(KvmSpec.KVM_SIGNAL_MSI, request);
    }

    @Override
    public byte[] state() {
        if (mode != IrqChipMode.KERNEL) {
            return new byte[0];
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment all = arena.allocate(CHIPS * CHIP_SIZE + PIT_SIZE, 8);
            for (int chip = 0; chip < CHIPS; chip++) {
                MemorySegment part = all.asSlice((long) chip * CHIP_SIZE, CHIP_SIZE);
                part.set(ValueLayout.JAVA_INT, 0, chip);
                vm.ioctl("KVM_GET_IRQCHIP", KvmSpec.KVM_GET_IRQCHIP, part);
            }
            vm.ioctl("KVM_GET_PIT2", KvmSpec.KVM_GET_PIT2, all.asSlice(CHIPS * CHIP_SIZE));
            return all.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    @Override
    public void restore(byte[] state) {
        if (mode != IrqChipMode.KERNEL) {
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment all = arena.allocate(CHIPS * CHIP_SIZE + PIT_SIZE, 8);
            if (state.length != all.byteSize()) {
                throw new VmmException("the saved interrupt controllers are not KVM's: " + state.length + " bytes, not "
                        + all.byteSize());
            }
            MemorySegment.copy(state, 0, all, ValueLayout.JAVA_BYTE, 0, (int) all.byteSize());
            for (int chip = 0; chip < CHIPS; chip++) {
                vm.ioctl("KVM_SET_IRQCHIP", KvmSpec.KVM_SET_IRQCHIP, all.asSlice((long) chip * CHIP_SIZE, CHIP_SIZE));
            }
            vm.ioctl("KVM_SET_PIT2", KvmSpec.KVM_SET_PIT2, all.asSlice(CHIPS * CHIP_SIZE));
        }
    }
}
