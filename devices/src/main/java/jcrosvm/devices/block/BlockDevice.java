package jcrosvm.devices.block;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import jcrosvm.base.Errno;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.IoUring;
import jcrosvm.config.Value;
import jcrosvm.disk.DiskFile;
import jcrosvm.disk.PlainFile;
import jcrosvm.disk.RefusedWriteException;
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
    private static final LimitedLog REFUSALS = LimitedLog.of(BlockDevice.class);

    private static final int PLAIN_DISCARD = 4096;
    private static final int CLUSTER_DISCARD = 65536;

    private final String name;
    private final boolean multipleWorkers;
    private final DiskFile disk;
    private final DeviceTraits traits;
    private final boolean readOnly;
    private final byte[] id = new byte[BlockConfig.ID_LENGTH];
    private final ConfigSpace config;
    private final Throttle throttle;
    private final Runnable flush;
    private final AtomicBoolean refusalTold = new AtomicBoolean();
    private final QueueWorker[] workers;

    private final boolean useKernel;
    private final int kernelFlags;

    private volatile long sectors;
    private volatile boolean writeThrough;
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
        disk = uncached ? new UncachedDisk(image) : image;
        if (settings.dontcache() && !uncached) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    name + ": dontcache has no effect: " + settings.path()
                            + " is no plain file, or its file system cannot do that");
        }
        flush = disk::flush;
        multipleWorkers = settings.multipleWorkers();
        readOnly = settings.ro() || !disk.features().contains(DiskFile.Feature.WRITE);
        int queues = Math.clamp(vcpus, 1, BlockSpec.MAX_QUEUES);
        boolean discard = settings.sparse() && disk.features().contains(DiskFile.Feature.DISCARD);
        traits = new DeviceTraits(
                BlockSpec.DEVICE_TYPE,
                features(discard, settings.packedQueue()),
                Collections.nCopies(queues, BlockSpec.QUEUE_SIZE),
                BlockSpec.CONFIG_LENGTH);
        if (settings.id() != null) {
            byte[] text = settings.id().getBytes(StandardCharsets.UTF_8);
            System.arraycopy(text, 0, id, 0, Math.min(text.length, id.length));
        }
        config = new ConfigSpace(
                settings.blockSize(), queues, disk.plainFile() != null ? PLAIN_DISCARD : CLUSTER_DISCARD);
        throttle = settings.throttle() == null ? Throttle.NONE : new Throttle(settings.throttle(), System::nanoTime);
        useKernel = KernelRequests.suit(settings, disk);
        kernelFlags = uncached ? IoUring.RWF_DONTCACHE : 0;
        workers = new QueueWorker[multipleWorkers ? queues : 1];
        Arrays.setAll(workers, i -> new QueueWorker(multipleWorkers ? name + "/q" + i : name));
        sectors = disk.length() >> BlockSpec.SECTOR_SHIFT;
        config.capacity(sectors);
        negotiated(0);
        if (disk.length() % settings.blockSize() != 0) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    name + ": the last " + disk.length() % settings.blockSize() + " bytes of " + settings.path()
                            + " are no whole block and stay unused");
        }
    }

    private long features(boolean discard, boolean packed) {
        long features = BlockSpec.VIRTIO_BLK_F_SEG_MAX
                | BlockSpec.VIRTIO_BLK_F_BLK_SIZE
                | BlockSpec.VIRTIO_BLK_F_TOPOLOGY
                | BlockSpec.VIRTIO_BLK_F_MQ
                | (packed ? VirtioFeatures.VIRTIO_F_RING_PACKED : 0);
        if (readOnly) {
            return features | BlockSpec.VIRTIO_BLK_F_RO;
        }
        return features
                | BlockSpec.VIRTIO_BLK_F_FLUSH
                | BlockSpec.VIRTIO_BLK_F_CONFIG_WCE
                | BlockSpec.VIRTIO_BLK_F_WRITE_ZEROES
                | (discard ? BlockSpec.VIRTIO_BLK_F_DISCARD : 0);
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
        writeThrough = !on && !readOnly;
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
            attempt("flush", flush); // what was written before must not wait for a flush any more either
        }
    }

    @Override
    public void startQueue(int index, QueueResources resources) {
        QueueWorker worker = worker(index);
        worker.start(
                resources, new BlockQueue(this, worker, throttle, useKernel ? new KernelRequests(kernelFlags) : null));
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
        return new byte[] {(byte) (writeThrough ? 0 : 1)};
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
        if (readOnly) {
            throw new OsException(name + ": cannot resize a read-only disk", Errno.EROFS);
        }
        if (!disk.features().contains(DiskFile.Feature.RESIZE)) {
            throw new OsException(name + ": images of this format cannot be resized", Errno.ENOTSUP);
        }
        if (length <= 0 || length % BlockSpec.SECTOR != 0) {
            throw new OsException(
                    name + ": a disk is a multiple of " + BlockSpec.SECTOR + " bytes long, not " + length,
                    Errno.EINVAL);
        }
        disk.resize(length);
        sectors = length >> BlockSpec.SECTOR_SHIFT;
        config.capacity(sectors);
        host.configChanged();
    }

    /** The file at whose {@link BlockRequest#offset} the kernel can carry out a valid request; null if it cannot. */
    @Nullable
    Fd fileFor(BlockRequest request) {
        int alignment = disk.alignment();
        boolean can = switch (request.type()) {
            case BlockSpec.VIRTIO_BLK_T_IN -> true;
            case BlockSpec.VIRTIO_BLK_T_OUT -> !readOnly && !writeThrough;
            case BlockSpec.VIRTIO_BLK_T_FLUSH -> !readOnly;
            default -> false;
        };
        if (!can || request.type() != BlockSpec.VIRTIO_BLK_T_FLUSH && !isPlain(request, alignment)) {
            return null;
        }
        PlainFile file = disk.plainFile();
        boolean early =
                file != null && request.type() == BlockSpec.VIRTIO_BLK_T_OUT && request.offset() < file.writableFrom();
        return file == null || early ? null : file.fd();
    }

    private boolean isPlain(BlockRequest request, int alignment) {
        return request.length() > 0
                && request.within(sectors)
                && (alignment == 1
                        || (request.offset() | request.length()) % alignment == 0
                                && request.data().isAligned(alignment));
    }

    /** Takes a request over that the kernel was given: its status. */
    int finish(BlockRequest request, int result) {
        if (request.type() == BlockSpec.VIRTIO_BLK_T_FLUSH) {
            // Not asked again: an error is told once, the next flush would know nothing of it.
            return result == 0 ? BlockSpec.VIRTIO_BLK_S_OK : failed("flush", new OsException("fdatasync", -result));
        }
        return result == request.length() ? BlockSpec.VIRTIO_BLK_S_OK : perform(request);
    }

    /** Carries a valid request out: its status. */
    int perform(BlockRequest request) {
        return switch (request.type()) {
            case BlockSpec.VIRTIO_BLK_T_IN -> read(request);
            case BlockSpec.VIRTIO_BLK_T_OUT -> write(request);
            case BlockSpec.VIRTIO_BLK_T_FLUSH -> flush();
            case BlockSpec.VIRTIO_BLK_T_GET_ID -> {
                request.putId(id);
                yield BlockSpec.VIRTIO_BLK_S_OK;
            }
            case BlockSpec.VIRTIO_BLK_T_DISCARD -> discard(request);
            case BlockSpec.VIRTIO_BLK_T_WRITE_ZEROES -> writeZeroes(request);
            default -> BlockSpec.VIRTIO_BLK_S_UNSUPP;
        };
    }

    private int read(BlockRequest request) {
        if (!request.within(sectors)) {
            return BlockSpec.VIRTIO_BLK_S_IOERR;
        }
        try {
            if (request.length() > 0) {
                disk.read(request.offset(), request.data());
            }
            return BlockSpec.VIRTIO_BLK_S_OK;
        } catch (VmmException | IllegalArgumentException e) {
            return failed("read", e);
        }
    }

    private int write(BlockRequest request) {
        if (readOnly || !request.within(sectors)) {
            return BlockSpec.VIRTIO_BLK_S_IOERR;
        }
        try {
            if (request.length() > 0) {
                disk.write(request.offset(), request.data());
                writeThrough();
            }
            return BlockSpec.VIRTIO_BLK_S_OK;
        } catch (RefusedWriteException e) {
            return refused(e);
        } catch (VmmException | IllegalArgumentException e) {
            return failed("write", e);
        }
    }

    private void writeThrough() {
        if (writeThrough) {
            disk.flush();
        }
    }

    private int flush() {
        return readOnly ? BlockSpec.VIRTIO_BLK_S_OK : attempt("flush", flush);
    }

    private int discard(BlockRequest request) {
        if ((traits.features() & BlockSpec.VIRTIO_BLK_F_DISCARD) == 0) {
            return readOnly ? BlockSpec.VIRTIO_BLK_S_IOERR : BlockSpec.VIRTIO_BLK_S_UNSUPP;
        }
        int status = check(request, BlockSpec.MAX_DISCARD_SECTORS, 0);
        if (status != BlockSpec.VIRTIO_BLK_S_OK) {
            return status;
        }
        try {
            for (int i = 0; i < request.ranges(); i++) {
                if (request.rangeLength(i) > 0) {
                    disk.discard(request.rangeOffset(i), request.rangeLength(i));
                }
            }
            return BlockSpec.VIRTIO_BLK_S_OK;
        } catch (VmmException | IllegalArgumentException e) {
            return failed("discard", e);
        }
    }

    private int writeZeroes(BlockRequest request) {
        if (readOnly) {
            return BlockSpec.VIRTIO_BLK_S_IOERR;
        }
        int status = check(request, BlockSpec.MAX_WRITE_ZEROES_SECTORS, BlockSpec.RANGE_FLAG_UNMAP);
        if (status != BlockSpec.VIRTIO_BLK_S_OK) {
            return status;
        }
        try {
            for (int i = 0; i < request.ranges(); i++) {
                if (request.rangeLength(i) > 0) {
                    boolean unmap = (request.rangeFlags(i) & BlockSpec.RANGE_FLAG_UNMAP) != 0;
                    disk.writeZeroes(request.rangeOffset(i), request.rangeLength(i), unmap);
                }
            }
            writeThrough();
            return BlockSpec.VIRTIO_BLK_S_OK;
        } catch (VmmException | IllegalArgumentException e) {
            return failed("write-zeroes", e);
        }
    }

    /** Checks all ranges before anything is done with any. */
    private int check(BlockRequest request, int mostSectors, int knownFlags) {
        for (int i = 0; i < request.ranges(); i++) {
            if ((request.rangeFlags(i) & ~knownFlags) != 0) {
                return BlockSpec.VIRTIO_BLK_S_UNSUPP;
            }
        }
        for (int i = 0; i < request.ranges(); i++) {
            if (!request.rangeWithin(i, sectors, mostSectors)) {
                return BlockSpec.VIRTIO_BLK_S_IOERR;
            }
        }
        return BlockSpec.VIRTIO_BLK_S_OK;
    }

    private int attempt(String what, Runnable action) {
        try {
            action.run();
            return BlockSpec.VIRTIO_BLK_S_OK;
        } catch (VmmException | IllegalArgumentException e) {
            return failed(what, e);
        }
    }

    /** Says so once, whatever else went wrong before: the user can do something about it. */
    private int refused(RefusedWriteException error) {
        if (!refusalTold.getAndSet(true)) {
            REFUSALS.log(
                    System.Logger.Level.WARNING, name + ": " + error.getMessage() + "; the guest gets an I/O error");
        }
        return BlockSpec.VIRTIO_BLK_S_IOERR;
    }

    private int failed(String what, RuntimeException error) {
        LOG.log(
                System.Logger.Level.WARNING,
                name + ": " + what + " failed, the guest gets an I/O error: " + error.getMessage());
        return BlockSpec.VIRTIO_BLK_S_IOERR;
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
