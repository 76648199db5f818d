package jcrosvm.vhostuser.frontend;

import java.nio.file.Path;
import jcrosvm.base.VmmException;
import jcrosvm.config.Help;
import jcrosvm.config.Required;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.PciPlace;
import org.jspecify.annotations.Nullable;

/**
 * One device with a backend of its own, as {@code --vhost-user} describes it.
 *
 * @param type of the device
 * @param socket at which the backend listens, or {@code /proc/self/fd/N} for a connection that was inherited
 * @param maxQueueSize largest size of its queues, a power of two, or null for what is usual for the type
 * @param pciAddress where on the bus
 * @param reconnect how many seconds to wait for another backend when this one is lost, or null to end the VM then
 * @param connectTimeoutMs how long to try again when no backend listens yet, in milliseconds
 */
public record VhostUserConfig(
        @Required
        @Help(
                argument = "TYPE",
                value =
                        "of the device: net, block, console, rng, balloon, scsi, 9p, gpu, input, vsock, iommu, sound, fs,"
                                + " pmem, mac80211-hwsim, video-encoder, video-decoder, scmi, i2c, gpio, media, pvclock, tpm, wl")
        DeviceType type,

        @Required @Help("at which the backend listens") Path socket,

        @Help("largest size of a queue, a power of two") @Nullable
        Integer maxQueueSize,

        @Help(argument = "ADDRESS") @Nullable String pciAddress,

        @Help("seconds to wait for a backend that was lost to come back, instead of ending the VM") @Nullable
        Integer reconnect,

        @Help("milliseconds to wait for the backend") @Nullable
        Integer connectTimeoutMs)
        implements DeviceConfig {
    private static final int MAX_QUEUE_SIZE = 32768;
    private static final int MAX_RECONNECT = 86_400;

    public VhostUserConfig {
        PciPlace.check(pciAddress);
    }

    /** A device at the next free place, whose backend listens already. */
    public static VhostUserConfig of(DeviceType type, Path socket) {
        return new VhostUserConfig(type, socket, null, null, null, null);
    }

    /** The same, which waits so many seconds for another backend when its own is lost. */
    public VhostUserConfig reconnect(int seconds) {
        return new VhostUserConfig(type, socket, maxQueueSize, pciAddress, seconds, connectTimeoutMs);
    }

    VhostUserConfig withConnectTimeout(@Nullable Integer millis) {
        return connectTimeoutMs == null
                ? new VhostUserConfig(type, socket, maxQueueSize, pciAddress, reconnect, millis)
                : this;
    }

    @Override
    public void validate() {
        if (maxQueueSize != null
                && (maxQueueSize < 1 || maxQueueSize > MAX_QUEUE_SIZE || Integer.bitCount(maxQueueSize) != 1)) {
            throw new VmmException("--vhost-user " + socket + ": max-queue-size " + maxQueueSize
                    + " is not a power of two from 1 to " + MAX_QUEUE_SIZE);
        }
        if (reconnect != null && (reconnect < 1 || reconnect > MAX_RECONNECT)) {
            throw new VmmException("--vhost-user " + socket + ": reconnect " + reconnect + " is not 1 to "
                    + MAX_RECONNECT + " seconds");
        }
        if (reconnect != null && VhostUserModule.isInherited(socket)) {
            throw new VmmException(
                    "--vhost-user " + socket + ": reconnect needs a socket with a name; this one was inherited");
        }
        if (connectTimeoutMs != null && connectTimeoutMs < 0) {
            throw new VmmException(
                    "--vhost-user " + socket + ": connect-timeout-ms " + connectTimeoutMs + " is negative");
        }
    }
}
