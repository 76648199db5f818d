package jcrosvm.testkit;

import java.util.List;
import java.util.function.Supplier;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import jcrosvm.vhostuser.backend.GuestMemorySource;
import jcrosvm.vhostuser.frontend.DeviceThread;
import jcrosvm.vhostuser.frontend.SplitDevice;
import jcrosvm.virtio.VirtioDevice;

/** A device behind a vhost-user connection, whose backend maps the memory as one in another process does. */
final class Loopback {
    private Loopback() {}

    /**
     * The front end.
     *
     * @param device which belongs to it from now on
     */
    static VirtioDevice of(VirtioDevice device) {
        return DeviceThread.start(new SplitDevice("loopback", "loopback", ""), () -> device, Mapped::new);
    }

    /** @param shown the driver's view of the memory, whose listeners are told of what the device writes */
    private record Mapped(Supplier<GuestMemory> shown) implements GuestMemorySource {
        @Override
        public GuestMemory open(List<MemoryRegion> regions) {
            GuestMemory own = MAPPED.open(regions);
            own.addWriteListener(shown.get()::written);
            return own;
        }
    }
}
