package jcrosvm.network;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import org.jspecify.annotations.Nullable;

/**
 * An opened tap interface: one descriptor for each queue, set up for packets with a {@code virtio_net_hdr_v1}.
 *
 * @param name of the interface
 * @param queues descriptors, not blocking; the first one is attached, the others are not
 * @param mtu of the interface
 */
public record TapPort(String name, List<Fd> queues, int mtu) {
    private static final System.Logger LOG = System.getLogger(TapPort.class.getName());
    private static final Path TUN = Path.of("/dev/net/tun");

    private static final long TUNSETIFF = 0x400454caL;
    private static final long TUNGETIFF = 0x800454d2L;
    private static final long TUNSETVNETHDRSZ = 0x400454d8L;
    private static final long TUNSETQUEUE = 0x400454d9L;
    private static final long TUNSETVNETLE = 0x400454dcL;
    private static final int IFF_TAP = 2;
    private static final int IFF_MULTI_QUEUE = 0x100;
    private static final int IFF_ATTACH_QUEUE = 0x200;
    private static final int IFF_DETACH_QUEUE = 0x400;
    private static final int IFF_NO_PI = 0x1000;
    private static final int IFF_VNET_HDR = 0x4000;

    public TapPort {
        queues = List.copyOf(queues);
    }

    /**
     * Opens a tap.
     *
     * @param pairs queues wanted
     * @param mtu that it must have, or null: as it is
     * @throws VmmException saying what is missing, or which right is needed
     */
    public static TapPort open(TapSource source, int pairs, @Nullable Integer mtu) {
        List<Fd> queues = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(HostInterface.REQUEST_SIZE, 8);
            boolean multiQueue = pairs > 1;
            String name = switch (source) {
                case TapSource.Named named -> {
                    multiQueue = openNamed(request, named.name(), multiQueue, queues);
                    yield named.name();
                }
                case TapSource.Inherited inherited -> {
                    queues.add(adopt(request, inherited.descriptor()));
                    multiQueue = (flags(request) & IFF_MULTI_QUEUE) != 0;
                    yield HostInterface.name(request);
                }
                case TapSource.Made made -> {
                    queues.add(tun());
                    attach(request, queues.getFirst(), "vmtap%d", multiQueue);
                    yield HostInterface.name(request);
                }
            };
            if (pairs > 1 && !multiQueue) {
                throw new VmmException("tap " + name + " has one queue, not vq-pairs=" + pairs
                        + ": make it with 'ip tuntap add ... multi_queue'");
            }
            while (queues.size() < pairs) {
                queues.add(tun());
                attach(request, queues.getLast(), name, true);
            }
            int actual = configure(source, name, mtu);
            for (int i = 0; i < queues.size(); i++) {
                setUp(request, queues.get(i), name);
                if (i > 0) {
                    attachQueue(queues.get(i), false);
                }
            }
            return new TapPort(name, queues, actual);
        } catch (RuntimeException e) {
            queues.forEach(Fd::close);
            throw e;
        }
    }

    private static Fd tun() {
        try {
            return Fd.open(TUN, Fd.O_RDWR | Fd.O_NONBLOCK);
        } catch (OsException e) {
            throw switch (e.errno()) {
                case Errno.ENOENT, Errno.ENODEV, Errno.ENXIO ->
                    new VmmException("there is no /dev/net/tun: load the kernel's module with 'modprobe tun'");
                case Errno.EACCES, Errno.EPERM ->
                    new VmmException("cannot open /dev/net/tun: this user may not read and write it");
                default -> e;
            };
        }
    }

    /** Opens the first queue of a tap, whether it was made for several or for one; which of the two. */
    private static boolean openNamed(MemorySegment request, String name, boolean preferSeveral, List<Fd> queues) {
        try (HostInterface hostInterface = new HostInterface(name)) {
            hostInterface.isUp(); // TUNSETIFF would make an interface that is not there
        }
        queues.add(tun());
        int result = tryAttach(request, queues.getFirst(), name, preferSeveral);
        if (result == -Errno.EINVAL) {
            int other = tryAttach(request, queues.getFirst(), name, !preferSeveral);
            if (other == 0) {
                return !preferSeveral;
            }
            result = other;
        }
        check(result, name);
        return preferSeveral;
    }

    private static void attach(MemorySegment request, Fd fd, String name, boolean multiQueue) {
        check(tryAttach(request, fd, name, multiQueue), name);
    }

    private static int tryAttach(MemorySegment request, Fd fd, String name, boolean multiQueue) {
        HostInterface.putName(request, name);
        int flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (multiQueue ? IFF_MULTI_QUEUE : 0);
        request.set(ValueLayout.JAVA_SHORT, HostInterface.NAME_SIZE, (short) flags);
        return fd.tryIoctl(TUNSETIFF, request);
    }

    private static void check(int result, String name) {
        if (result >= 0) {
            return;
        }
        boolean isNew = name.indexOf('%') >= 0;
        throw switch (-result) {
            case Errno.EBUSY -> new VmmException("tap " + name + " is in use by another program");
            case Errno.EPERM ->
                isNew
                        ? new VmmException("cannot make a tap: that needs CAP_NET_ADMIN; use --net user, or tap-name"
                                + " with a tap made for this user")
                        : new VmmException("cannot open tap " + name + ": that needs CAP_NET_ADMIN, or a tap made with"
                                + " 'ip tuntap add dev " + name + " mode tap user $USER'");
            case Errno.EINVAL -> new VmmException("network interface " + name + " is not a tap");
            case Errno.E2BIG -> new VmmException("tap " + name + " has no queue left: vq-pairs is too large");
            default -> new OsException("cannot open tap " + name, -result);
        };
    }

    private static Fd adopt(MemorySegment request, int descriptor) {
        Fd given = Fd.adopt(descriptor);
        int result = given.tryIoctl(TUNGETIFF, request);
        if (result < 0) {
            throw new VmmException("tap-fd " + descriptor
                    + switch (-result) {
                        case Errno.EBADF -> " is not an open descriptor";
                        case EBADFD -> " is /dev/net/tun, but not attached to a tap";
                        default -> " is not a tap's descriptor";
                    });
        }
        if ((flags(request) & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)) != (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)) {
            throw new VmmException("tap-fd " + descriptor
                    + " must be opened with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR; its flags are 0x%x"
                            .formatted(flags(request)));
        }
        Fd own = given.duplicate(); // which programs started later do not inherit
        given.close();
        return own;
    }

    private static final int EBADFD = 77;

    private static int flags(MemorySegment request) {
        return request.get(ValueLayout.JAVA_SHORT, HostInterface.NAME_SIZE) & 0xffff;
    }

    private static int configure(TapSource source, String name, @Nullable Integer mtu) {
        try (HostInterface hostInterface = new HostInterface(name)) {
            if (source instanceof TapSource.Made made) {
                hostInterface.address(made.address(), made.netmask());
                if (mtu != null) {
                    hostInterface.mtu(mtu);
                }
                hostInterface.up();
                return hostInterface.mtu();
            }
            int actual = hostInterface.mtu();
            if (mtu != null && mtu > actual) {
                throw new VmmException("mtu " + mtu + " is more than the " + actual + " of " + name
                        + ": raise that with 'ip link set " + name + " mtu " + mtu + "'");
            }
            if (!hostInterface.isUp()) {
                bringUp(hostInterface, name);
            }
            return mtu == null ? actual : mtu;
        }
    }

    private static void bringUp(HostInterface hostInterface, String name) {
        try {
            hostInterface.up();
        } catch (VmmException e) {
            LOG.log(System.Logger.Level.WARNING, "tap {0} is down: nothing passes until ''ip link set {0} up''", name);
        }
    }

    private static void setUp(MemorySegment request, Fd fd, String name) {
        fd.nonBlocking(true);
        request.set(ValueLayout.JAVA_INT, 0, NetBackend.HEADER);
        fd.ioctl("cannot set the header length of tap " + name, TUNSETVNETHDRSZ, request);
        request.set(ValueLayout.JAVA_INT, 0, 1);
        fd.tryIoctl(TUNSETVNETLE, request); // what little-endian machines have anyway
    }

    /** Joins a queue to its interface or takes it off. */
    static void attachQueue(Fd fd, boolean on) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(HostInterface.REQUEST_SIZE, 8);
            request.set(ValueLayout.JAVA_SHORT, HostInterface.NAME_SIZE, (short)
                    (on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE));
            int result = fd.tryIoctl(TUNSETQUEUE, request);
            if (result < 0) {
                LOG.log(System.Logger.Level.DEBUG, "TUNSETQUEUE: {0}", Errno.name(-result));
            }
        }
    }
}
