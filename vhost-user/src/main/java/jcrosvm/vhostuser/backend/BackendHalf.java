package jcrosvm.vhostuser.backend;

import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.UnixSocket;

/**
 * The part of a device that its backend is made with, wherever that runs.
 *
 * @param kind of the device: {@code snd}
 * @param label in front of each line of the log that is about the device
 * @param connection its end of the vhost-user connection
 * @param exit ends the backend when it is signalled
 */
public record BackendHalf(String kind, String label, UnixSocket connection, EventFd exit) implements AutoCloseable {
    @Override
    public void close() {
        connection.close();
        exit.close();
    }
}
