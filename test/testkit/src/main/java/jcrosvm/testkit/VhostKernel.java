package jcrosvm.testkit;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import jcrosvm.virtio.vhost.Vhost;

/** A kernel with a vhost device, which keeps what it is told, as numbers in hexadecimal. */
public final class VhostKernel implements Vhost.Ioctl {
    /** Requests and what stood in memory at their argument. */
    public final List<String> calls = new ArrayList<>();
    /** Descriptors that errors are reported with, in the order of the requests. */
    public final List<Integer> errorFds = new ArrayList<>();

    private final long features;
    private boolean closed;

    /** @param features that it offers */
    public VhostKernel(long features) {
        this.features = features;
    }

    private static int length(long request) {
        return request == Vhost.VHOST_SET_OWNER ? 0 : (int) (request >>> 16 & 0x3fff);
    }

    @Override
    public int call(long request, MemorySegment argument) {
        int length = length(request);
        if (request == Vhost.VHOST_SET_MEM_TABLE) {
            length = 8 + 32 * argument.get(ValueLayout.JAVA_INT, 0);
        }
        long[] longs = length == 0 ? new long[0] : argument.asSlice(0, length).toArray(ValueLayout.JAVA_LONG);
        StringBuilder text = new StringBuilder(Long.toHexString(request));
        Arrays.stream(longs).forEach(value -> text.append(' ').append(Long.toHexString(value)));
        calls.add(text.toString());
        if (request == Vhost.VHOST_GET_FEATURES) {
            argument.set(ValueLayout.JAVA_LONG, 0, features);
        } else if (request == Vhost.VHOST_GET_VRING_BASE) {
            argument.set(ValueLayout.JAVA_INT, 4, 77);
        } else if (request == Vhost.VHOST_SET_VRING_ERR) {
            errorFds.add(argument.get(ValueLayout.JAVA_INT, 4));
        }
        return 0;
    }

    public Vhost vhost() {
        return new Vhost(this, () -> closed = true);
    }

    public boolean closed() {
        return closed;
    }
}
