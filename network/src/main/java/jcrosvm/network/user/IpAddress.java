package jcrosvm.network.user;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An IP address as 128 bits, IPv4 in its IPv6-mapped form (RFC 4291, 2.5.5.2), so that tables need one kind of key. Code
 * on hot paths passes the two halves instead of objects.
 */
record IpAddress(long high, long low) {
    private static final long MAPPED = 0xffffL << 32;

    static IpAddress ofV4(int address) {
        return new IpAddress(0, mapped(address));
    }

    static IpAddress of(InetAddress address) {
        ByteBuffer bytes = ByteBuffer.wrap(address.getAddress());
        return bytes.capacity() == 4 ? ofV4(bytes.getInt()) : new IpAddress(bytes.getLong(), bytes.getLong());
    }

    /** The lower half of an IPv4 address in mapped form. */
    static long mapped(int v4) {
        return MAPPED | v4 & 0xffffffffL;
    }

    static boolean isV4(long high, long low) {
        return high == 0 && low >>> 32 == 0xffff;
    }

    boolean isV4() {
        return isV4(high, low);
    }

    int v4() {
        return (int) low;
    }

    InetAddress toInetAddress() {
        return toInetAddress(high, low);
    }

    static InetAddress toInetAddress(long high, long low) {
        ByteBuffer bytes = isV4(high, low)
                ? ByteBuffer.allocate(4).putInt((int) low)
                : ByteBuffer.allocate(16).putLong(high).putLong(low);
        try {
            return InetAddress.getByAddress(bytes.array());
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e); // Only for wrong lengths.
        }
    }

    /** Reads a literal; names are not looked up. Null when it is none. */
    static @Nullable IpAddress parse(String text) {
        try {
            return of(InetAddress.ofLiteral(text));
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    @Override
    public String toString() {
        return Objects.requireNonNull(toInetAddress().getHostAddress());
    }
}
