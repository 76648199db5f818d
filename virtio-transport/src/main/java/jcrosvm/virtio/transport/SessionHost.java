package jcrosvm.virtio.transport;

import static jcrosvm.virtio.transport.DeviceSession.DEVICE_NEEDS_RESET;
import static jcrosvm.virtio.transport.DeviceSession.DRIVER_OK;

import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.SharedMemoryWindow;

/**
 * What a {@link DeviceSession} is for its device: keeps DEVICE_NEEDS_RESET in the status, and drops interrupts that may
 * not be sent yet (virtio 1.3, 2.1.2 and 2.3).
 */
final class SessionHost implements DeviceHost {
    private final DeviceTraits traits;
    private final AtomicInteger status;
    private final ConfigSpace config;
    private final DriverInterrupt driver;

    SessionHost(DeviceTraits traits, AtomicInteger status, ConfigSpace config, DriverInterrupt driver) {
        this.traits = traits;
        this.status = status;
        this.config = config;
        this.driver = driver;
    }

    @Override
    public void configChanged() {
        config.changed();
        if ((status.get() & DRIVER_OK) != 0) {
            driver.config();
        }
    }

    @Override
    public void failed() {
        int before = status.getAndUpdate(now -> now | DEVICE_NEEDS_RESET);
        if ((before & DRIVER_OK) != 0 && (before & DEVICE_NEEDS_RESET) == 0) {
            driver.config(); // the driver finds the new status
        }
    }

    @Override
    public void lost(String reason) {
        driver.lost(reason);
    }

    @Override
    public SharedMemoryWindow sharedMemory(int id) {
        String what = "virtio device of type " + traits.type() + ": shared memory region " + id;
        if (traits.sharedMemory().stream().noneMatch(region -> region.id() == id)) {
            throw new VmmException(what + " is not declared");
        }
        throw new VmmException(what + ": no transport can map files into the guest yet");
    }

    /** The interrupt of one queue. */
    Interrupt interrupt(int queue) {
        return new Interrupt() {
            @Override
            public void signal() {
                driver.used(queue);
            }

            @Override
            public void failed() {
                SessionHost.this.failed();
            }

            @Override
            public EventFd callEvent() {
                return driver.callEvent(queue);
            }
        };
    }
}
