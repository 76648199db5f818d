package jcrosvm.devices.rng;

import java.security.SecureRandom;
import java.util.List;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.Virtqueue;
import org.jspecify.annotations.Nullable;

/** One queue of empty buffers to fill. */
final class RngDevice implements VirtioDevice {
    private static final DeviceTraits TRAITS = new DeviceTraits(4, 0, List.of(256), 0);
    /** Bytes given at most at a time: a guest that asks for much gets it piece by piece, as the driver expects. */
    private static final int CHUNK = 4096;

    private final SecureRandom random = new SecureRandom();
    private final byte[] bytes = new byte[CHUNK];
    private @Nullable QueueWorker worker;

    @Override
    public DeviceTraits traits() {
        return TRAITS;
    }

    @Override
    public void negotiated(long features) {}

    @Override
    public void startQueue(int index, QueueResources resources) {
        if (worker == null) {
            worker = new QueueWorker("rng");
        }
        worker.start(resources, this::process);
    }

    private void process(Virtqueue queue) {
        do {
            queue.disableNotifications();
            for (DescriptorChain chain = queue.pop(); chain != null; chain = queue.pop()) {
                int length = (int) Math.min(CHUNK, chain.writable().remaining());
                random.nextBytes(bytes);
                chain.writable().put(bytes, 0, length);
                queue.complete(chain, length);
            }
            queue.flush();
        } while (queue.enableNotifications());
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        return worker == null ? null : worker.stop(index);
    }

    @Override
    public void reset() {}

    @Override
    public void close() {
        if (worker != null) {
            worker.close();
        }
    }
}
