package jcrosvm.devices.rng;

import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoVec;
import jcrosvm.virtio.DescriptorChain;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueHandler;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/** One queue of empty buffers to fill. */
final class RngDevice implements VirtioDevice {
    private static final DeviceTraits TRAITS = new DeviceTraits(4, 0, List.of(256), 0);
    /** Bytes given at most at a time: a guest that asks for much gets it piece by piece, as the driver expects. */
    private static final int CHUNK = 1 << 16;

    private static final int PIECES = 1024;
    private static final LimitedLog LOG = LimitedLog.of(RngDevice.class);

    private final Fd random;
    private final IoVec pieces = new IoVec(PIECES);
    private final QueueWorker worker = new QueueWorker("rng");

    /** @param random gives entropy and never waits; owned by the device */
    RngDevice(Fd random) {
        this.random = random;
    }

    @Override
    public DeviceTraits traits() {
        return TRAITS;
    }

    @Override
    public void negotiated(long features) {}

    @Override
    public void startQueue(int index, QueueResources resources) {
        worker.start(resources, QueueHandler.forEach(this::fill));
    }

    private long fill(DescriptorChain chain) {
        pieces.clear();
        chain.writable().collect(pieces, Math.min(CHUNK, chain.writable().remaining()));
        long given = random.tryReadv(pieces);
        if (given < 0) {
            LOG.log(System.Logger.Level.WARNING, "no entropy from the host: " + Errno.name((int) -given));
            return 0;
        }
        return given;
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        return worker.stop(index);
    }

    @Override
    public void reset() {}

    @Override
    public byte[] saveState() {
        return new byte[0];
    }

    @Override
    public void restoreState(byte[] state) {
        if (state.length != 0) {
            throw new VmmException("a state of " + state.length + " bytes is not of an entropy device");
        }
    }

    @Override
    public void close() {
        worker.close();
        random.close();
    }
}
