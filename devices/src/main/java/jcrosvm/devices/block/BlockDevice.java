package jcrosvm.devices.block;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.concurrent.CompletionStage;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.IoUring;
import jcrosvm.config.Value;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.io.DiskExecutor;
import jcrosvm.disk.io.Throttle;
import jcrosvm.disk.io.UncachedDisk;
import jcrosvm.disk.io.UringQueue;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.QueueWorker;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VirtioFeatures;
import org.jspecify.annotations.Nullable;

/** A disk. */
final class BlockDevice implements VirtioDevice {
    private static final LimitedLog LOG = LimitedLog.of(BlockDevice.class);

    /** No status: the disk is to be asked. */
    private static final int UNDECIDED = -1;

    private static final int PLAIN_DISCARD = 4096;
    private static final int CLUSTER_DISCARD = 65536;

    private final String name;
    private final boolean multipleWorkers;
    private final DiskExecutor disk;
    private final DeviceTraits traits;
    private final byte[] id = new byte[BlockConfig.ID_LENGTH];
    private final BlockConfigSpace config;
    private final Throttle throttle;
    private final QueueWorker[] workers;

    private final boolean useUring;
    private final int uringFlags;

    private volatile DeviceHost host = DeviceHost.NONE;
    private long negotiated;

    /**
     * @param name for threads and messages: {@code block0}
     * @param image closed with the device
     * @param vcpus of the VM, that each shall have a queue
     */
    BlockDevice(String name, BlockConfig settings, DiskFile image, int vcpus) {
        this.name = name;
        boolean uncached = settings.dontcache() && UncachedDisk.isPossible(image);
        DiskFile file = uncached ? new UncachedDisk(image) : image;
        disk = new DiskExecutor(name, file, settings.ro(), settings.sparse());
        if (settings.dontcache() && !uncached) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    name + ": dontcache has no effect: " + settings.path()
                            + " is no plain file, or its file system cannot do that");
        }
        multipleWorkers = settings.multipleWorkers();
        int queues = Math.clamp(vcpus, 1, BlockSpec.MAX_QUEUES);
        traits = new DeviceTraits(
                BlockSpec.DEVICE_TYPE,
                features(settings.packedQueue()),
                Collections.nCopies(queues, BlockSpec.QUEUE_SIZE),
                BlockSpec.CONFIG_LENGTH);
        if (settings.id() != null) {
            byte[] text = settings.id().getBytes(StandardCharsets.UTF_8);
            System.arraycopy(text, 0, id, 0, Math.min(text.length, id.length));
        }
        config = new BlockConfigSpace(
                settings.blockSize(), queues, file.plainFile() != null ? PLAIN_DISCARD : CLUSTER_DISCARD);
        throttle = settings.throttle() == null ? Throttle.NONE : new Throttle(settings.throttle(), System::nanoTime);
        useUring = AsyncExecutor.isUring(settings, file);
        uringFlags = uncached ? IoUring.RWF_DONTCACHE : 0;
        workers = new QueueWorker[multipleWorkers ? queues : 1];
        Arrays.setAll(workers, i -> new QueueWorker(multipleWorkers ? name + "/q" + i : name));
        config.capacity(disk.sectors());
        negotiated(0);
        long rest = image.length() % settings.blockSize();
        if (rest != 0) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    name + ": the last " + rest + " bytes of " + settings.path()
                            + " are no whole block and stay unused");
        }
    }

    private long features(boolean packed) {
        long features = BlockSpec.VIRTIO_BLK_F_SEG_MAX
                | BlockSpec.VIRTIO_BLK_F_BLK_SIZE
                | BlockSpec.VIRTIO_BLK_F_TOPOLOGY
                | BlockSpec.VIRTIO_BLK_F_MQ
                | (packed ? VirtioFeatures.VIRTIO_F_RING_PACKED : 0);
        if (disk.isReadOnly()) {
            return features | BlockSpec.VIRTIO_BLK_F_RO;
        }
        return features
                | BlockSpec.VIRTIO_BLK_F_FLUSH
                | BlockSpec.VIRTIO_BLK_F_CONFIG_WCE
                | BlockSpec.VIRTIO_BLK_F_WRITE_ZEROES
                | (disk.discards() ? BlockSpec.VIRTIO_BLK_F_DISCARD : 0);
    }

    @Override
    public DeviceTraits traits() {
        return traits;
    }

    @Override
    public void attach(DeviceHost newHost) {
        host = newHost;
    }

    @Override
    public void negotiated(long features) {
        negotiated = features;
        // Without VIRTIO_BLK_F_FLUSH the device is write-through (5.2.5).
        writeback((features & BlockSpec.VIRTIO_BLK_F_FLUSH) != 0);
    }

    private void writeback(boolean on) {
        disk.writeThrough(!on);
        config.writeback(on);
    }

    @Override
    public void readConfig(int offset, byte[] into) {
        config.read(offset, into);
    }

    @Override
    public void writeConfig(int offset, byte[] from) {
        long at = (long) BlockSpec.CONFIG_WRITEBACK - offset;
        if (at < 0 || at >= from.length || (negotiated & BlockSpec.VIRTIO_BLK_F_CONFIG_WCE) == 0) {
            return;
        }
        boolean on = (from[(int) at] & 1) != 0;
        writeback(on);
        if (!on) {
            disk.flush(); // what was written before must not wait for a flush any more either
        }
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        QueueWorker worker = worker(index);
        worker.start(resources, new BlockQueue(this, disk, worker, throttle, useUring ? uring() : null));
    }

    private UringQueue<BlockRequest> uring() {
        return new UringQueue<>(BlockSpec.QUEUE_SIZE, uringFlags, () -> new BlockRequest(BlockSpec.QUEUE_SIZE));
    }

    private QueueWorker worker(int index) {
        return workers[multipleWorkers ? index : 0];
    }

    @Override
    public @Nullable QueueState stopQueue(int index) {
        return worker(index).stop(index);
    }

    @Override
    public void reset() {
        negotiated(0);
    }

    @Override
    public byte[] saveState() {
        return new byte[] {(byte) (disk.isWriteThrough() ? 0 : 1)};
    }

    @Override
    public void restoreState(byte[] state) {
        if (state.length != 1) {
            throw new VmmException(name + ": a state of " + state.length + " bytes is not of this device");
        }
        writeback(state[0] != 0);
    }

    /**
     * Gives the disk another size and tells the driver. From any thread.
     *
     * @param length bytes
     * @throws OsException EROFS, ENOTSUP, EINVAL, or what the host says
     */
    void resize(long length) {
        disk.resize(length);
        config.capacity(disk.sectors());
        host.configChanged();
    }

    /** Takes a request over that the kernel was given: its status. */
    int finish(BlockRequest request, int result) {
        return status(disk.finish(request, result));
    }

    /** Carries a valid request out: its status. */
    int perform(BlockRequest request) {
        int status = switch (request.type()) {
            case BlockSpec.VIRTIO_BLK_T_GET_ID -> {
                request.putId(id);
                yield BlockSpec.VIRTIO_BLK_S_OK;
            }
            case BlockSpec.VIRTIO_BLK_T_DISCARD ->
                disk.discards() ? check(request, BlockSpec.MAX_DISCARD_SECTORS, 0) : UNDECIDED;
            case BlockSpec.VIRTIO_BLK_T_WRITE_ZEROES ->
                disk.isReadOnly()
                        ? UNDECIDED
                        : check(request, BlockSpec.MAX_WRITE_ZEROES_SECTORS, BlockSpec.RANGE_FLAG_UNMAP);
            default -> UNDECIDED;
        };
        return status == UNDECIDED ? status(disk.perform(request)) : status;
    }

    /** Checks all ranges before anything is done with any. */
    private static int check(BlockRequest request, int mostSectors, int knownFlags) {
        for (int i = 0; i < request.ranges(); i++) {
            if ((request.rangeFlags(i) & ~knownFlags) != 0) {
                return BlockSpec.VIRTIO_BLK_S_UNSUPP;
            }
        }
        for (int i = 0; i < request.ranges(); i++) {
            if (request.rangeSectors(i) > mostSectors) {
                return BlockSpec.VIRTIO_BLK_S_IOERR;
            }
        }
        return UNDECIDED;
    }

    private static int status(DiskExecutor.Outcome outcome) {
        return switch (outcome) {
            case DONE -> BlockSpec.VIRTIO_BLK_S_OK;
            case FAILED -> BlockSpec.VIRTIO_BLK_S_IOERR;
            case UNSUPPORTED -> BlockSpec.VIRTIO_BLK_S_UNSUPP;
        };
    }

    @Override
    public CompletionStage<Value> command(String verb, Value body) {
        return verb.equals(DiskCommand.VERB.name())
                ? DiskCommand.perform(body, this)
                : VirtioDevice.super.command(verb, body);
    }

    @Override
    public void close() {
        for (QueueWorker worker : workers) {
            worker.close();
        }
        disk.close();
    }
}
