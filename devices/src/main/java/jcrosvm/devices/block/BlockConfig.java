package jcrosvm.devices.block;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.function.Consumer;
import jcrosvm.base.VmmException;
import jcrosvm.config.Alias;
import jcrosvm.config.Help;
import jcrosvm.config.Required;
import jcrosvm.disk.Backing;
import jcrosvm.disk.DiskFormat;
import jcrosvm.disk.DiskOptions;
import jcrosvm.disk.io.ThrottleConfig;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.PciPlace;
import org.jspecify.annotations.Nullable;

/**
 * One disk, as {@code --block} describes it.
 *
 * @param path of the image
 * @param ro the guest can only read
 * @param root the guest's kernel gets it as {@code root=}
 * @param sparse the guest may discard, which gives space back
 * @param direct goes around the host's page cache
 * @param lock takes a lock on every file of the image
 * @param blockSize logical block size in bytes
 * @param id what the guest sees as its serial number, at most 20 bytes
 * @param multipleWorkers a thread for every queue, not one for all
 * @param asyncExecutor how requests are carried out, or null for the VM's, and where that has none for what suits the disk: URING
 *     with direct where the host can, otherwise EPOLL
 * @param packedQueue offers packed rings
 * @param bootindex place in the firmware's boot order
 * @param pciAddress where on the bus
 * @param dontcache drops pages from the host's cache as soon as they have been read or written
 * @param throttle limits, or null for none
 * @param format what the image is; null to tell it from the first bytes, which then stay what they are
 * @param backing which other files an image may name if its format is not given
 */
public record BlockConfig(
        @Required @Help("of the image") Path path,
        @Help("read-only") boolean ro,
        @Help("the kernel's root= is this disk") boolean root,
        @Help("let the guest discard") boolean sparse,

        @Alias("o_direct") @Help("go around the host's page cache")
        boolean direct,

        @Help("lock the files") boolean lock,
        @Alias("block_size") @Help("bytes") int blockSize,
        @Help("serial number, up to 20 bytes") @Nullable String id,
        @Help("a thread for each queue") boolean multipleWorkers,
        @Help @Nullable AsyncExecutor asyncExecutor,
        @Help("offer packed rings") boolean packedQueue,
        @Nullable Integer bootindex,
        @Help(argument = "ADDRESS") @Nullable String pciAddress,
        @Help("do not keep pages in the host's cache") boolean dontcache,

        @Help("limits per second, of which unused ones can be saved up for burst milliseconds") @Nullable
        ThrottleConfig throttle,

        @Help(
                "what the image is (default: told from its first bytes; a disk that is told to be raw so refuses to be given"
                        + " those of another format)")
        @Nullable
        DiskFormat format,

        @Help("which files an image may name if its format is not given: those below its folder, or any")
        Backing backing)
        implements DeviceConfig {
    /** Bytes of a serial number (virtio 1.3, 5.2.6). */
    static final int ID_LENGTH = 20;

    private static final int SECTOR = 512;

    public BlockConfig {
        PciPlace.check(pciAddress);
    }

    /** What holds for keys that are not written. */
    public static BlockConfig defaults() {
        return of(Path.of(""));
    }

    /** A writable disk with nothing special about it. */
    public static BlockConfig of(Path path) {
        return new BlockConfig(
                path,
                false,
                false,
                true,
                false,
                true,
                512,
                null,
                false,
                null,
                false,
                null,
                null,
                false,
                null,
                null,
                Backing.OWN_FOLDER);
    }

    /** This disk with other values: {@code disk.with(to -> to.ro = true)}. */
    public BlockConfig with(Consumer<Change> change) {
        Change to = new Change(this);
        change.accept(to);
        return to.made();
    }

    /** The components of a configuration that is made of another one. */
    public static final class Change {
        public Path path;
        public boolean ro;
        public boolean root;
        public boolean sparse;
        public boolean direct;
        public boolean lock;
        public int blockSize;
        public @Nullable String id;
        public boolean multipleWorkers;
        public @Nullable AsyncExecutor asyncExecutor;
        public boolean packedQueue;
        public @Nullable Integer bootindex;
        public @Nullable String pciAddress;
        public boolean dontcache;
        public @Nullable ThrottleConfig throttle;
        public @Nullable DiskFormat format;
        public Backing backing;

        private Change(BlockConfig from) {
            path = from.path;
            ro = from.ro;
            root = from.root;
            sparse = from.sparse;
            direct = from.direct;
            lock = from.lock;
            blockSize = from.blockSize;
            id = from.id;
            multipleWorkers = from.multipleWorkers;
            asyncExecutor = from.asyncExecutor;
            packedQueue = from.packedQueue;
            bootindex = from.bootindex;
            pciAddress = from.pciAddress;
            dontcache = from.dontcache;
            throttle = from.throttle;
            format = from.format;
            backing = from.backing;
        }

        private BlockConfig made() {
            return new BlockConfig(
                    path,
                    ro,
                    root,
                    sparse,
                    direct,
                    lock,
                    blockSize,
                    id,
                    multipleWorkers,
                    asyncExecutor,
                    packedQueue,
                    bootindex,
                    pciAddress,
                    dontcache,
                    throttle,
                    format,
                    backing);
        }
    }

    DiskOptions options() {
        return new DiskOptions(ro, direct, lock, sparse, format, backing);
    }

    @Override
    public void validate() {
        if (path.toString().isEmpty()) {
            throw error("a path is needed");
        }
        // Older Linux guests take no more than a page, but that is theirs to say.
        if (blockSize < SECTOR || Integer.bitCount(blockSize) != 1) {
            throw error("block-size must be a power of two from " + SECTOR + " on, not " + blockSize);
        }
        if (id != null && id.getBytes(StandardCharsets.UTF_8).length > ID_LENGTH) {
            throw error("id '" + id + "' is longer than " + ID_LENGTH + " bytes");
        }
        if (bootindex != null) {
            throw error(
                    "bootindex is not supported yet, since it needs fw_cfg: name the disk's device with root instead");
        }
        if (direct && dontcache) {
            throw error("direct and dontcache exclude each other: direct does not use the cache");
        }
        if (throttle != null) {
            try {
                throttle.validate();
            } catch (VmmException e) {
                throw new VmmException("block " + path + ": " + e.getMessage(), e);
            }
        }
    }

    private VmmException error(String problem) {
        return new VmmException("block " + path + ": " + problem);
    }
}
