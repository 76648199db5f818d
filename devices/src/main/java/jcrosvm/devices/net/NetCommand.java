package jcrosvm.devices.net;

import jcrosvm.config.Alias;
import jcrosvm.config.Required;

/** {@code NetCommand}: what the control socket asks of network devices. */
public sealed interface NetCommand {
    /**
     * Plugs a cable in or out.
     *
     * @param index among the VM's network devices
     */
    @Alias("Link")
    record Link(@Required int index, @Required boolean up) implements NetCommand {}
}
