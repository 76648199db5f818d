package jcrosvm.devices.net;

import java.nio.file.Path;
import jcrosvm.config.Help;

/**
 * {@code vhost-net}: the host's kernel moves the packets.
 *
 * @param device the kernel's device file
 */
public record VhostNetConfig(@Help Path device) {
    static final Path DEVICE = Path.of("/dev/vhost-net");

    public static VhostNetConfig defaults() {
        return new VhostNetConfig(DEVICE);
    }
}
