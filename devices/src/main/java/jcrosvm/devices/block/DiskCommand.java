package jcrosvm.devices.block;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import jcrosvm.base.Errno;
import jcrosvm.base.LimitedLog;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.config.Alias;
import jcrosvm.config.RecordBinder;
import jcrosvm.config.Required;
import jcrosvm.config.Value;
import jcrosvm.virtio.ControlVerb;

/**
 * The request {@code DiskCommand} of the control socket.
 *
 * @param diskIndex which disk, in the order of the options
 */
public record DiskCommand(
        @Required @Alias("disk_index") long diskIndex,
        @Required Action command) {
    static final ControlVerb VERB = new ControlVerb("DiskCommand", DiskCommand::index);

    private static final LimitedLog LOG = LimitedLog.of(DiskCommand.class);

    /** What to do with it. */
    public sealed interface Action permits Resize {}

    /**
     * Another size.
     *
     * @param newSize bytes
     */
    @Alias("Resize")
    public record Resize(@Required @Alias("new_size") long newSize) implements Action {}

    private static int index(Value body, int count) {
        DiskCommand request = RecordBinder.bind(body, DiskCommand.class);
        if (request.diskIndex < 0 || request.diskIndex >= count) {
            throw new OsException("there is no disk " + request.diskIndex, Errno.ENODEV);
        }
        return (int) request.diskIndex;
    }

    /** Carries a request out on its disk. */
    static CompletionStage<Value> perform(Value body, BlockDevice disk) {
        switch (RecordBinder.bind(body, DiskCommand.class).command) {
            case Resize(long newSize) -> resize(disk, newSize);
        }
        return CompletableFuture.completedFuture(ControlVerb.OK);
    }

    // Clients know two reasons: a disk that cannot be written, and everything else.
    private static void resize(BlockDevice disk, long newSize) {
        try {
            disk.resize(newSize);
        } catch (VmmException e) {
            LOG.log(System.Logger.Level.WARNING, String.valueOf(e.getMessage()));
            throw e instanceof OsException os && os.errno() == Errno.EROFS
                    ? os
                    : new OsException("cannot resize the disk", Errno.EIO);
        }
    }
}
