package jcrosvm.virtio.transport;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import jcrosvm.base.LimitedLog;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/**
 * The calls of a {@link DeviceSession} to its device: whatever the device throws, the VM goes on, and the device needs a
 * reset. Guarded by the session's lock.
 */
final class GuardedDevice {
    private static final LimitedLog LOG = LimitedLog.of(GuardedDevice.class);

    private final VirtioDevice device;
    private final SessionQueues queues;
    private final SessionHost host;
    private final BooleanSupplier isFailed;

    /** @param isFailed whether the device needs a reset already */
    GuardedDevice(VirtioDevice device, SessionQueues queues, SessionHost host, BooleanSupplier isFailed) {
        this.device = device;
        this.queues = queues;
        this.host = host;
        this.isFailed = isFailed;
    }

    /** Starts the queues that are enabled and not running: all of them, or none when one of them is bad. */
    void start(long features) {
        List<QueueResources> ready = new ArrayList<>();
        for (int i = 0; i < queues.count(); i++) {
            if (queues.get(i).enabled && !queues.get(i).running) {
                QueueResources resources = prepare(i, features);
                if (resources == null) {
                    return;
                }
                ready.add(resources);
            }
        }
        for (QueueResources resources : ready) {
            int index = resources.index();
            queues.get(index).running = true;
            if (!attempt("startQueue", () -> device.startQueue(index, resources))) {
                return;
            }
        }
    }

    private @Nullable QueueResources prepare(int index, long features) {
        try {
            return queues.resources(index, features);
        } catch (RuntimeException e) {
            failed("queue " + index, e);
            return null;
        }
    }

    /** Stops all queues, which remember where they stand. */
    void stop() {
        for (int i = 0; i < queues.count(); i++) {
            stop(i);
        }
    }

    void stop(int index) {
        QueueRegisters queue = queues.get(index);
        if (queue.running) {
            queue.running = false;
            attempt("stopQueue", () -> queue.state = device.stopQueue(index));
        }
    }

    /** Calls the device; whether it threw nothing. */
    boolean attempt(String what, Runnable call) {
        try {
            call.run();
            return true;
        } catch (RuntimeException e) {
            failed(what, e);
            return false;
        }
    }

    /** The device, or its driver, cannot go on before a reset. */
    void failed(String what, RuntimeException error) {
        if (!isFailed.getAsBoolean()) {
            String message = "virtio device of type " + device.traits().type() + " needs a reset: " + what + ": ";
            if (error instanceof DescriptorException) {
                LOG.log(System.Logger.Level.WARNING, message + error.getMessage());
            } else {
                LOG.log(System.Logger.Level.ERROR, message + error, error);
            }
        }
        host.failed();
    }
}
