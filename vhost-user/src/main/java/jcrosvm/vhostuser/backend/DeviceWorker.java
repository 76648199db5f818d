package jcrosvm.vhostuser.backend;

import java.util.function.Consumer;
import java.util.function.Supplier;
import jcrosvm.base.VmmException;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.ProtocolException;
import jcrosvm.virtio.VirtioDevice;

/** What a backend of ours does: the same in a thread of the VM and in a process of its own. */
public final class DeviceWorker {
    private static final System.Logger LOG = System.getLogger(DeviceWorker.class.getName());

    private DeviceWorker() {}

    /**
     * Makes the device and serves it to its end: the front end has closed the connection, or the exit event was signalled.
     * Each end stops the queues and closes the device.
     *
     * @param half consumed: closed at the end
     * @param device makes it
     * @param ready gets the device before it is served
     * @throws VmmException when the device cannot be made
     * @throws ProtocolException when the front end breaks the protocol or is lost within a message
     */
    public static void run(
            BackendHalf half, Supplier<VirtioDevice> device, GuestMemorySource memory, Consumer<VirtioDevice> ready) {
        try (half;
                VirtioDevice made = device.get();
                Connection connection = new Connection(
                        half.connection(), half.label() + "the front end of the " + half.kind() + " device")) {
            DeviceServer server = new DeviceServer(made, connection, memory);
            LOG.log(
                    System.Logger.Level.DEBUG,
                    half.label() + "vhost-user " + half.kind() + " device ready, starting run loop...");
            ready.accept(made);
            server.run(half.exit());
        } catch (ProtocolException e) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    half.label() + "failed to handle a vhost-user request: " + e.getMessage());
            throw e;
        }
    }
}
