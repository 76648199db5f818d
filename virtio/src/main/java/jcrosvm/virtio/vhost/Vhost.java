package jcrosvm.virtio.vhost;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.memory.GuestMemory;
import jcrosvm.memory.MemoryRegion;
import jcrosvm.virtio.QueueLayout;

/**
 * The kernel's workers on split rings, as linux/vhost.h describes them. The kernel sees guest memory at its addresses in
 * this process. An error of the kernel is an {@link OsException} with the name of the request.
 */
public final class Vhost implements AutoCloseable {
    public static final long VHOST_GET_FEATURES = 0x8008af00L;
    public static final long VHOST_SET_FEATURES = 0x4008af00L;
    public static final long VHOST_SET_OWNER = 0xaf01L;
    public static final long VHOST_SET_MEM_TABLE = 0x4008af03L;
    public static final long VHOST_SET_VRING_NUM = 0x4008af10L;
    public static final long VHOST_SET_VRING_ADDR = 0x4028af11L;
    public static final long VHOST_SET_VRING_BASE = 0x4008af12L;
    public static final long VHOST_GET_VRING_BASE = 0xc008af12L;
    public static final long VHOST_SET_VRING_KICK = 0x4008af20L;
    public static final long VHOST_SET_VRING_CALL = 0x4008af21L;
    public static final long VHOST_SET_VRING_ERR = 0x4008af22L;

    private static final int REGION = 32;
    private static final int ADDRESSES = 40;
    private static final int USED_INDEX = 2;

    /** The system call; the result is negative for an error: the errno. */
    @FunctionalInterface
    public interface Ioctl {
        int call(long request, MemorySegment argument);
    }

    private final Ioctl ioctl;
    private final Runnable release;

    /**
     * Takes a descriptor over, for this process.
     *
     * @param ioctl on the descriptor
     * @param release closes it
     */
    public Vhost(Ioctl ioctl, Runnable release) {
        this.ioctl = ioctl;
        this.release = release;
        call("VHOST_SET_OWNER", VHOST_SET_OWNER, MemorySegment.NULL);
    }

    /**
     * Opens a device.
     *
     * @param kind of it, as users know it: {@code vhost-net}
     * @throws VmmException saying what is missing
     */
    public static Fd openDevice(Path device, String kind) {
        try {
            return Fd.open(device, Fd.O_RDWR | Fd.O_NONBLOCK);
        } catch (OsException e) {
            throw switch (e.errno()) {
                case Errno.ENOENT, Errno.ENODEV, Errno.ENXIO ->
                    new VmmException("there is no " + device
                            + ": load the kernel's module with 'modprobe " + kind.replace('-', '_') + "', or leave "
                            + kind + " out");
                case Errno.EACCES, Errno.EPERM ->
                    new VmmException("cannot open " + device + ": this user may not read and write it");
                default -> e;
            };
        }
    }

    /**
     * Takes an open device over, which from here on works for this process.
     *
     * @param device for messages
     * @throws VmmException when it is another device
     */
    public static Vhost of(Fd fd, Path device) {
        try {
            return new Vhost(fd::tryIoctl, fd::close);
        } catch (OsException e) {
            fd.close();
            throw e.errno() == Errno.ENOTTY || e.errno() == Errno.EINVAL
                    ? new VmmException(device + " is not a vhost device")
                    : e;
        }
    }

    /** A request that only one kind of device has. */
    public void call(String name, long request, MemorySegment argument) {
        int result = ioctl.call(request, argument);
        if (result < 0) {
            throw new OsException(name, -result);
        }
    }

    /** Feature bits that the kernel's workers can honour. */
    public long features() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bits = arena.allocate(8, 8);
            call("VHOST_GET_FEATURES", VHOST_GET_FEATURES, bits);
            return bits.get(ValueLayout.JAVA_LONG, 0);
        }
    }

    /** Feature bits that the driver has accepted, as far as the kernel offers them. */
    public void features(long wanted) {
        try (Arena arena = Arena.ofConfined()) {
            call("VHOST_SET_FEATURES", VHOST_SET_FEATURES, arena.allocateFrom(ValueLayout.JAVA_LONG, wanted));
        }
    }

    /** Tells it where guest memory is. */
    public void memory(GuestMemory memory) {
        List<MemoryRegion> regions = memory.regions();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment table = arena.allocate(8 + (long) REGION * regions.size(), 8);
            table.set(ValueLayout.JAVA_INT, 0, regions.size());
            long at = 8;
            for (MemoryRegion region : regions) {
                table.set(ValueLayout.JAVA_LONG, at, region.address());
                table.set(ValueLayout.JAVA_LONG, at + 8, region.size());
                table.set(ValueLayout.JAVA_LONG, at + 16, memory.hostAddress(region.address(), region.size()));
                at += REGION;
            }
            call("VHOST_SET_MEM_TABLE", VHOST_SET_MEM_TABLE, table);
        }
    }

    /** Tells it where a ring is, where to go on, and how to reach the driver. */
    public void ring(
            int index, QueueLayout layout, GuestMemory memory, int base, EventFd kick, EventFd call, EventFd error) {
        int size = layout.size();
        pair("VHOST_SET_VRING_NUM", VHOST_SET_VRING_NUM, index, size);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment addresses = arena.allocate(ADDRESSES, 8);
            addresses.set(ValueLayout.JAVA_INT, 0, index);
            addresses.set(ValueLayout.JAVA_LONG, 8, memory.hostAddress(layout.descriptors(), 16L * size));
            addresses.set(ValueLayout.JAVA_LONG, 16, memory.hostAddress(layout.device(), 6 + 8L * size));
            addresses.set(ValueLayout.JAVA_LONG, 24, memory.hostAddress(layout.driver(), 6 + 2L * size));
            call("VHOST_SET_VRING_ADDR", VHOST_SET_VRING_ADDR, addresses);
        }
        pair("VHOST_SET_VRING_BASE", VHOST_SET_VRING_BASE, index, base);
        pair("VHOST_SET_VRING_KICK", VHOST_SET_VRING_KICK, index, kick.fd().number());
        pair("VHOST_SET_VRING_CALL", VHOST_SET_VRING_CALL, index, call.fd().number());
        pair("VHOST_SET_VRING_ERR", VHOST_SET_VRING_ERR, index, error.fd().number());
    }

    /** Position of the next request that a ring, which is not worked on any more, would take. */
    public int available(int index) {
        return pair("VHOST_GET_VRING_BASE", VHOST_GET_VRING_BASE, index, 0) & 0xffff;
    }

    /** Position of the next completion: the kernel keeps it in the used ring only. */
    public static int used(QueueLayout layout, GuestMemory memory) {
        return memory.loadAcquireShort(layout.device() + USED_INDEX) & 0xffff;
    }

    /**
     * A request about a ring that takes an index and a number (struct vhost_vring_state, vhost_vring_file).
     *
     * @return the number afterwards
     */
    public int pair(String name, long request, int index, int number) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pair = arena.allocate(8, 8);
            pair.set(ValueLayout.JAVA_INT, 0, index);
            pair.set(ValueLayout.JAVA_INT, 4, number);
            call(name, request, pair);
            return pair.get(ValueLayout.JAVA_INT, 4);
        }
    }

    @Override
    public void close() {
        release.run();
    }
}
