package jcrosvm.devices.net;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.config.Alias;
import jcrosvm.config.RecordBinder;
import jcrosvm.config.Required;
import jcrosvm.config.Value;
import jcrosvm.virtio.ControlVerb;

/** {@code NetCommand}: what the control socket asks of network devices. */
public sealed interface NetCommand {
    ControlVerb VERB = new ControlVerb("NetCommand", NetCommand::device);

    /**
     * Plugs a cable in or out.
     *
     * @param index among the VM's network devices
     */
    @Alias("Link")
    record Link(@Required int index, @Required boolean up) implements NetCommand {}

    private static int device(Value body, int count) {
        return switch (RecordBinder.bind(body, NetCommand.class)) {
            case Link(int index, boolean up) -> {
                if (index < 0 || index >= count) {
                    throw new OsException("there is no network device " + index, Errno.ENODEV);
                }
                yield index;
            }
        };
    }

    /** Carries a request out on its device. */
    static CompletionStage<Value> perform(Value body, LinkStatus link) {
        switch (RecordBinder.bind(body, NetCommand.class)) {
            case Link(int index, boolean up) -> link.plug(up);
        }
        return CompletableFuture.completedFuture(ControlVerb.OK);
    }
}
