package jcrosvm.vhostuser.frontend;

import jcrosvm.base.io.Fd;
import jcrosvm.vhostuser.Payload;

/**
 * Where a backend notes which requests it has taken ("Inflight I/O tracking"). The front end keeps it for the backend that
 * comes after, and does not look into it.
 *
 * @param shape what the backend has said of it
 * @param file which this object owns
 */
record InflightMemory(Payload.Inflight shape, Fd file) implements AutoCloseable {
    @Override
    public void close() {
        file.close();
    }
}
