package jcrosvm.virtio.transport;

import java.util.concurrent.atomic.AtomicInteger;
import jcrosvm.base.Stateful;
import jcrosvm.base.VmmException;
import jcrosvm.virtio.DescriptorException;
import jcrosvm.virtio.VirtioDevice;

/** Saves and restores what makes up a {@link DeviceSession} whose queues are stopped; guarded by the session's lock. */
final class SavedSession implements Stateful<SessionState> {
    private final VirtioDevice device;
    private final AtomicInteger status;
    private final FeatureRegisters features;
    private final ConfigSpace config;
    private final SessionQueues queues;
    private final SessionHost host;

    SavedSession(
            VirtioDevice device,
            AtomicInteger status,
            FeatureRegisters features,
            ConfigSpace config,
            SessionQueues queues,
            SessionHost host) {
        this.device = device;
        this.status = status;
        this.features = features;
        this.config = config;
        this.queues = queues;
        this.host = host;
    }

    @Override
    public SessionState state() {
        config.compare();
        return new SessionState(
                status.get(),
                features.accepted(),
                features.acceptedUnknown(),
                config.generation(),
                config.compared(),
                queues.saved(),
                device.saveState());
    }

    /** Looks at everything but the device's own state, which only the device knows. */
    void requireSame(SessionState saved) {
        require("queues", saved.queues().size(), queues.count());
        require("bytes of configuration space", saved.config().length, config.length());
        if (saved.isNegotiated() && !features.isAcceptable(saved.features(), saved.unknownFeatures())) {
            throw new VmmException(
                    "the features 0x%x of the saved driver are not among the 0x%x that this device offers"
                            .formatted(saved.features(), features.offered()));
        }
        for (int i = 0; saved.isWorking() && i < queues.count(); i++) {
            QueueRegistersState queue = saved.queues().get(i);
            if (queue.enabled()) {
                try {
                    queues.resources(i, queue, saved.features());
                } catch (DescriptorException e) {
                    throw new VmmException("a saved queue cannot be: " + e.getMessage(), e);
                }
            }
        }
    }

    private static void require(String what, int saved, int here) {
        if (saved != here) {
            throw new VmmException("the saved device has %d %s, this one has %d".formatted(saved, what, here));
        }
    }

    /** The session was reset before. The driver is told of a configuration space that is not the one it knows. */
    @Override
    public void restore(SessionState saved) {
        try {
            if (saved.isNegotiated()) {
                device.negotiated(saved.features());
            }
            device.restoreState(saved.device());
        } catch (VmmException e) {
            device.reset();
            throw e;
        } catch (RuntimeException e) { // the bytes come from a file
            device.reset();
            throw new VmmException("the device does not take its saved state: " + e, e);
        }
        features.restore(saved.features(), saved.unknownFeatures());
        queues.restore(saved.queues());
        config.restore(saved.configGeneration(), saved.config());
        status.getAndUpdate(now -> now | saved.status());
        if (config.compare()) {
            host.configChanged();
        }
    }
}
