package jcrosvm.network;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import jcrosvm.base.Errno;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;

/** Settings of the host's network interfaces: netdevice(7). Not thread-safe. */
final class HostInterface implements AutoCloseable {
    /** Longest name, with the zero behind it. */
    static final int NAME_SIZE = 16;
    /** struct ifreq: the name and a union. */
    static final int REQUEST_SIZE = 40;

    private static final int AF_INET = 2;
    private static final int SOCK_DGRAM_CLOEXEC = 2 | 0x80000;
    private static final int IFF_UP = 1;
    private static final long SIOCGIFFLAGS = 0x8913;
    private static final long SIOCSIFFLAGS = 0x8914;
    private static final long SIOCSIFADDR = 0x8916;
    private static final long SIOCSIFNETMASK = 0x891c;
    private static final long SIOCGIFMTU = 0x8921;
    private static final long SIOCSIFMTU = 0x8922;
    private static final ValueLayout.OfInt BIG_ENDIAN_INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);

    private final String name;
    private final Fd socket;
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment request = arena.allocate(REQUEST_SIZE, 8);

    HostInterface(String name) {
        this.name = name;
        socket = Fd.adopt(Libc.check("socket", Libc.SOCKET.callInt(AF_INET, SOCK_DGRAM_CLOEXEC, 0)));
        putName(request, name);
    }

    static void putName(MemorySegment request, String name) {
        byte[] bytes = Arrays.copyOf(name.getBytes(StandardCharsets.US_ASCII), NAME_SIZE);
        bytes[NAME_SIZE - 1] = 0;
        MemorySegment.copy(bytes, 0, request, ValueLayout.JAVA_BYTE, 0, NAME_SIZE);
    }

    static String name(MemorySegment request) {
        return request.asSlice(0, NAME_SIZE).getString(0, StandardCharsets.US_ASCII);
    }

    private int get(String call, long code) {
        int result = socket.tryIoctl(code, request);
        if (result == -Errno.ENODEV) {
            throw new VmmException("there is no network interface " + name + ": make it with 'ip tuntap add dev " + name
                    + " mode tap user $USER vnet_hdr'");
        }
        if (result < 0) {
            throw new OsException(call + " of " + name, -result);
        }
        return request.get(ValueLayout.JAVA_INT, NAME_SIZE);
    }

    private void set(String what, long code) {
        int result = socket.tryIoctl(code, request);
        if (result == -Errno.EPERM) {
            throw new VmmException("cannot set " + what + " of " + name + ": that needs CAP_NET_ADMIN");
        }
        if (result < 0) {
            throw new OsException("cannot set " + what + " of " + name, -result);
        }
    }

    /** @throws VmmException when there is no such interface */
    boolean isUp() {
        return (get("SIOCGIFFLAGS", SIOCGIFFLAGS) & IFF_UP) != 0;
    }

    void up() {
        short flags = (short) get("SIOCGIFFLAGS", SIOCGIFFLAGS);
        request.set(ValueLayout.JAVA_SHORT, NAME_SIZE, (short) (flags | IFF_UP));
        set("the state", SIOCSIFFLAGS);
    }

    int mtu() {
        return get("SIOCGIFMTU", SIOCGIFMTU);
    }

    void mtu(int bytes) {
        request.set(ValueLayout.JAVA_INT, NAME_SIZE, bytes);
        set("mtu " + bytes, SIOCSIFMTU);
    }

    void address(int address, int netmask) {
        putAddress(address);
        set("the address", SIOCSIFADDR);
        putAddress(netmask);
        set("the netmask", SIOCSIFNETMASK);
    }

    private void putAddress(int address) {
        request.asSlice(NAME_SIZE).fill((byte) 0);
        request.set(ValueLayout.JAVA_SHORT, NAME_SIZE, (short) AF_INET);
        request.set(BIG_ENDIAN_INT, NAME_SIZE + 4, address);
    }

    @Override
    public void close() {
        socket.close();
        arena.close();
    }
}
