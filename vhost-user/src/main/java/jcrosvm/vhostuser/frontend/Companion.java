package jcrosvm.vhostuser.frontend;

import java.util.concurrent.CompletionStage;
import jcrosvm.config.Value;
import jcrosvm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/** What a front end has of a backend of ours, beside the connection. */
interface Companion {
    /** The memory that the next table will show. */
    void show(GuestMemory memory);

    /** As {@link jcrosvm.virtio.VirtioDevice#command}. */
    CompletionStage<Value> command(String verb, Value body);

    /** The connection is closed: waits for the end of the backend. */
    void ended();

    /** Whether the backend was told to end: that it closes the connection is no loss then. */
    default boolean isEnding() {
        return false;
    }

    /** Why the backend has closed the connection; null when it is not known. */
    @Nullable
    String failure();
}
