package jcrosvm.virtio;

import java.util.concurrent.CompletionStage;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.config.Value;
import org.jspecify.annotations.Nullable;

/**
 * A virtio device. Its host (a transport, or a vhost-user server) calls every method but {@link #command} and
 * {@link #close} from one thread at a time, in the order that the package describes. No call waits for the guest.
 */
public interface VirtioDevice extends AutoCloseable {
    DeviceTraits traits();

    /**
     * Tells the device its host: before anything but {@link #traits}, and again when another host takes the device over.
     *
     * @throws jcrosvm.base.VmmException when the host cannot do what the device needs
     */
    default void attach(DeviceHost host) {}

    /** The features of this session: those of the traits and the common ones, as far as the driver took them. */
    void negotiated(long features);

    /**
     * Fills {@code into} from the configuration space; what lies outside of it is left alone.
     *
     * @param offset of the first byte, not negative
     */
    default void readConfig(int offset, byte[] into) {}

    /** The driver wrote these bytes. Fields that are not writable ignore it. */
    default void writeConfig(int offset, byte[] from) {}

    /** Begins to work on a queue: its ring is valid, its state says where to go on. */
    void startQueue(int index, QueueResources resources);

    /**
     * Ends the work on a queue. When this returns, every request that was taken is completed and nothing of the device
     * touches the ring or its buffers any more.
     *
     * @return where the queue stands, or null when it was not started
     */
    @Nullable
    QueueState stopQueue(int index);

    /** Forgets the session: queues are stopped, nothing is negotiated. What the host gave it (files, taps) stays. */
    void reset();

    /**
     * What a device of the same configuration needs to go on elsewhere, beside the queues' states. Queues are stopped.
     *
     * @throws UnsupportedOperationException when the traits say that it cannot be saved
     */
    byte[] saveState();

    /**
     * Takes over what {@link #saveState} gave, after {@link #negotiated} and before any queue starts.
     *
     * @throws jcrosvm.base.VmmException when it is not of such a device: nothing has changed then
     * @throws UnsupportedOperationException when the traits say that it cannot be saved
     */
    void restoreState(byte[] state);

    /**
     * Carries out a request of the control socket. From any thread.
     *
     * @param verb name of the request: {@code DiskCommand}
     * @param body what stands under the name
     * @return the reply, now or later: {@link ControlVerb#OK} where there is nothing to say
     * @throws OsException whose errno is the reply; ENOTSUP for a request that the device does not know
     * @throws jcrosvm.config.ConfigException when the body is malformed
     */
    default CompletionStage<Value> command(String verb, Value body) {
        throw new OsException("a device of type " + traits().type() + " knows no " + verb, Errno.ENOTSUP);
    }

    /** Gives back all host resources. Queues are stopped. */
    @Override
    void close();
}
