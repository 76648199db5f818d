package jcrosvm.vhostuser.frontend;

import java.util.EnumSet;
import java.util.Set;
import jcrosvm.config.Alias;
import jcrosvm.vhostuser.ProtocolFeatures;

/**
 * Types of devices by the names that crosvm gives them, and what is usual for them. A type needs no code of its own.
 */
public enum DeviceType {
    NET(1, 2, 256, 24, 12),
    BLOCK(2, 1, 128, 60, 36),
    CONSOLE(3, 2, 128, 12),
    RNG(4, 1, 256),
    BALLOON(5, 2, 128, 16, 8),
    SCSI(8, 3, 128, 36),
    @Alias("9p")
    P9(9, 1, 128, 256, 128, 64, 32, 16, 8),
    GPU(16, 2, 256, 20, 16),
    INPUT(18, 2, 256, 136),
    VSOCK(19, 3, 128, 8),
    IOMMU(23, 2, 256, 40, 36),
    SOUND(25, 4, 64, 16, 12),
    FS(26, 2, 128, 44, 40),
    PMEM(27, 1, 128, 16),
    MAC80211_HWSIM(29, 2, 128),
    VIDEO_ENCODER(30, 2, 256, 12),
    VIDEO_DECODER(31, 2, 256, 12),
    SCMI(32, 2, 128),
    I2C(34, 1, 128),
    GPIO(41, 2, 128, 8),
    MEDIA(48, 2, 256, 40),
    PVCLOCK(61, 1, 1, 8),
    TPM(62, 1, 2),
    WL(63, 2, 256);

    /** Queues of one device at most, whatever its backend says. */
    private static final int MAX_QUEUES = 64;

    /** Where a request that is lost or repeated does no harm: networks lose packets, and bytes of an RNG are all alike. */
    private static final Set<DeviceType> FORGIVING = EnumSet.of(NET, RNG);

    private static final long VIRTIO_NET_F_CTRL_VQ = 1L << 17;

    private final int number;
    private final int queues;
    private final int queueSize;
    /** Bytes of configuration space in versions of the specification, the newest first. */
    private final int[] configLengths;

    DeviceType(int number, int queues, int queueSize, int... configLengths) {
        this.number = number;
        this.queues = queues;
        this.queueSize = queueSize;
        this.configLengths = configLengths;
    }

    /** Whether the driver bears it that requests in flight are lost or repeated. */
    boolean isForgiving() {
        return FORGIVING.contains(this);
    }

    /** Device type number (virtio 1.3, 5). */
    public int number() {
        return number;
    }

    /**
     * How a device of this type and with this backend is made.
     *
     * @param maxQueueSize that the user wants, a power of two; 0 for what is usual
     */
    public DeviceShape shape(BackEnd backend, int maxQueueSize) {
        int count = backend.has(ProtocolFeatures.MQ) ? Math.max(queues, backend.queueCount()) : queues;
        if (this == NET && (backend.features() & VIRTIO_NET_F_CTRL_VQ) != 0) {
            count |= 1; // pairs, and the control queue behind them
        }
        int size = maxQueueSize == 0 ? queueSize : maxQueueSize;
        return DeviceShape.uniform(number, Math.min(count, MAX_QUEUES), size, backend.configLength(configLengths));
    }
}
