package jcrosvm.base.io;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import jcrosvm.base.Errno;
import jcrosvm.base.Libc;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/** A Unix domain socket that can pass descriptors. */
public final class UnixSocket implements AutoCloseable {
    /** Longest path of a socket, in bytes (sockaddr_un less the terminating zero). */
    public static final int MAX_PATH = 107;
    /** Most descriptors in one message (SCM_MAX_FD of Linux). */
    public static final int MAX_FDS = 253;

    private static final int AF_UNIX = 1;
    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int MSG_TRUNC = 0x20;
    private static final int MSG_CTRUNC = 0x8;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int MSG_CMSG_CLOEXEC = 0x40000000;
    private static final int SOCKADDR_SIZE = 110;
    private static final int LOCK_EX = 2;
    private static final int LOCK_NB = 4;
    private static final int LOCK_TRIES = 200;
    private static final int LOCK_PAUSE_MILLIS = 5;
    private static final int S_IFMT = 0170000;
    private static final int S_IFSOCK = 0140000;

    /** How bytes are delivered. */
    public enum Type {
        STREAM(1),
        DATAGRAM(2),
        SEQPACKET(5);

        private final int number;

        Type(int number) {
            this.number = number;
        }
    }

    /**
     * What one receive returned.
     *
     * @param data empty when the peer has closed (or, on SEQPACKET, sent an empty packet)
     * @param fds owned by the receiver
     * @param truncated the packet was longer than asked for, or descriptors were lost
     */
    public record Message(byte[] data, List<Fd> fds, boolean truncated) {
        public boolean endOfStream() {
            return data.length == 0;
        }
    }

    private final Fd fd;
    private @Nullable Path boundPath;
    private @Nullable Object boundFile; // which file was made there

    private UnixSocket(Fd fd) {
        this.fd = fd;
    }

    public static UnixSocket adopt(Fd fd) {
        return new UnixSocket(fd);
    }

    private static UnixSocket create(Type type) {
        return new UnixSocket(
                Fd.adopt(Libc.check("socket", Libc.SOCKET.callInt(AF_UNIX, type.number | SOCK_CLOEXEC, 0))));
    }

    /** Two connected sockets. */
    public static List<UnixSocket> pair(Type type) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment fds = arena.allocate(8, 4);
            Libc.check("socketpair", Libc.SOCKETPAIR.callInt(AF_UNIX, type.number | SOCK_CLOEXEC, 0, fds.address()));
            return List.of(
                    new UnixSocket(Fd.adopt(fds.get(ValueLayout.JAVA_INT, 0))),
                    new UnixSocket(Fd.adopt(fds.get(ValueLayout.JAVA_INT, 4))));
        }
    }

    /** @throws OsException ENOENT when there is no socket, ECONNREFUSED when no process listens on it */
    public static UnixSocket connect(Path path, Type type) {
        return connect(create(type), path);
    }

    /**
     * Connects without waiting; the socket stays non-blocking.
     *
     * @throws OsException as {@link #connect}, and EAGAIN when the listener has too many that wait
     */
    public static UnixSocket connectNow(Path path, Type type) {
        UnixSocket socket = create(type);
        socket.fd.nonBlocking(true);
        return connect(socket, path);
    }

    private static UnixSocket connect(UnixSocket socket, Path path) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = address(arena, path);
            Libc.check(
                    "cannot connect to " + path,
                    Libc.CONNECT.callInt(socket.fd.number(), address.address(), SOCKADDR_SIZE));
            return socket;
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    /**
     * Listens on a path. A socket that a dead process left behind is replaced; one that a process listens on is not.
     * Of several that start at once on one path, one gets it.
     *
     * @throws VmmException when the path is too long or in use
     */
    public static UnixSocket listen(Path path, Type type) {
        UnixSocket socket = create(type);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = address(arena, path);
            // Between bind and listen a socket looks like one that no process listens on any more.
            Fd lock = lockFolder(path);
            try {
                bindAndListen(socket, address, path, type);
            } finally {
                if (lock != null) {
                    lock.close();
                }
            }
            socket.boundPath = path;
            socket.boundFile = fileAt(path);
            return socket;
        } catch (RuntimeException e) {
            socket.close();
            throw e;
        }
    }

    private static void bindAndListen(UnixSocket socket, MemorySegment address, Path path, Type type) {
        int r = Libc.BIND.callInt(socket.fd.number(), address.address(), SOCKADDR_SIZE);
        if (r < 0 && Libc.errno() == Errno.EADDRINUSE) {
            removeStale(path, type);
            r = Libc.BIND.callInt(socket.fd.number(), address.address(), SOCKADDR_SIZE);
        }
        Libc.check("cannot create socket " + path, r);
        if (type != Type.DATAGRAM) {
            Libc.check("listen", Libc.LISTEN.callInt(socket.fd.number(), 16));
        }
    }

    /**
     * The lock of a path's directory (flock), null where it cannot be had. Others may hold that for reasons of their own,
     * so the wait has a limit, after which only a start at the very same time is not safe.
     */
    private static @Nullable Fd lockFolder(Path path) {
        Path folder = path.toAbsolutePath().getParent();
        if (folder == null) {
            return null;
        }
        Fd fd;
        try {
            fd = Fd.open(folder, Fd.O_RDONLY);
        } catch (OsException e) {
            return null; // not readable; bind tells what else is wrong with it
        }
        for (int i = 0; i < LOCK_TRIES; i++) {
            if (Libc.FLOCK.callInt(fd.number(), LOCK_EX | LOCK_NB) == 0) {
                return fd;
            }
            if (Libc.errno() != Errno.EAGAIN) {
                break;
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(LOCK_PAUSE_MILLIS));
        }
        fd.close();
        return null;
    }

    private static void removeStale(Path path, Type type) {
        try (UnixSocket other = connect(path, type)) {
            throw new VmmException("socket " + path + " is in use by another process");
        } catch (OsException e) {
            if (e.errno() != Errno.ECONNREFUSED || !isSocket(path)) {
                throw new VmmException("cannot create socket " + path + ": the path exists and is not a stale socket");
            }
        }
        unlink(path);
    }

    // connect(2) answers ECONNREFUSED for files, devices and links as well: they are never ours to delete.
    private static boolean isSocket(Path path) {
        try {
            int mode = (Integer) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
            return (mode & S_IFMT) == S_IFSOCK;
        } catch (IOException e) {
            return false;
        }
    }

    private static @Nullable Object fileAt(Path path) {
        try {
            return Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
                    .fileKey();
        } catch (IOException e) {
            return null;
        }
    }

    /** Removes the path that this socket listens on, unless it was removed and is another's by now. */
    public void unlink() {
        Path path = boundPath;
        if (path != null && boundFile != null && boundFile.equals(fileAt(path))) {
            unlink(path);
        }
    }

    /** Removes a socket's path; one that is gone already is not an error. */
    public static void unlink(Path path) {
        try (Arena arena = Arena.ofConfined()) {
            Libc.UNLINK.callInt(arena.allocateFrom(path.toString()).address());
        }
    }

    private static MemorySegment address(Arena arena, Path path) {
        byte[] name = path.toString().getBytes(StandardCharsets.UTF_8);
        if (name.length == 0 || name.length > MAX_PATH) {
            throw new VmmException(
                    "socket path '" + path + "' has " + name.length + " bytes; the limit is " + MAX_PATH);
        }
        MemorySegment address = arena.allocate(SOCKADDR_SIZE, 2);
        address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_UNIX);
        MemorySegment.copy(name, 0, address, ValueLayout.JAVA_BYTE, 2, name.length);
        return address;
    }

    /** Takes one connection of a listening socket; blocks until there is one. */
    public UnixSocket accept() {
        int n;
        do {
            n = Libc.ACCEPT4.callInt(fd.number(), 0, 0, SOCK_CLOEXEC);
        } while (n < 0 && Libc.errno() == Errno.EINTR);
        return new UnixSocket(Fd.adopt(Libc.check("accept", n)));
    }

    public Fd fd() {
        return fd;
    }

    /** Sends bytes, and descriptors with the first of them, which stay the caller's. Packets go whole or not at all. */
    public void send(byte[] data, List<Fd> fds) {
        send(data, fds, 0);
    }

    /**
     * The same on a non-blocking socket, whose peer may be slow.
     *
     * @param timeoutMillis how long the peer may take altogether
     * @throws OsException EAGAIN without a time, ETIMEDOUT when it is over: a part may have been sent
     */
    public void send(byte[] data, List<Fd> fds, int timeoutMillis) {
        if (fds.size() > MAX_FDS) {
            throw new IllegalArgumentException(fds.size() + " descriptors in one message");
        }
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(Math.max(1, data.length));
            MemorySegment.copy(data, 0, bytes, ValueLayout.JAVA_BYTE, 0, data.length);
            long done = 0;
            do {
                MemorySegment message = header(arena, bytes.asSlice(done, data.length - done));
                if (done == 0 && !fds.isEmpty()) {
                    attach(arena, message, fds);
                }
                long n = Libc.SENDMSG.call(fd.number(), message.address(), MSG_NOSIGNAL);
                if (n < 0) {
                    int errno = Libc.errno();
                    if (errno == Errno.EAGAIN && timeoutMillis > 0) {
                        awaitWritable(deadline);
                    } else if (errno != Errno.EINTR) {
                        throw new OsException("send", errno);
                    }
                    continue;
                }
                done += n;
            } while (done < data.length);
        }
    }

    private void awaitWritable(long deadline) {
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (left <= 0) {
            throw new OsException("send", Errno.ETIMEDOUT);
        }
        Poller.await(fd, Poller.WRITABLE, (int) left + 1);
    }

    public void send(byte[] data) {
        send(data, List.of());
    }

    // struct msghdr: name 0, namelen 8, iov 16, iovlen 24, control 32, controllen 40, flags 48
    private static MemorySegment header(Arena arena, MemorySegment bytes) {
        MemorySegment iov = arena.allocate(16, 8);
        iov.set(ValueLayout.JAVA_LONG, 0, bytes.address());
        iov.set(ValueLayout.JAVA_LONG, 8, bytes.byteSize());
        MemorySegment header = arena.allocate(56, 8);
        header.set(ValueLayout.JAVA_LONG, 16, iov.address());
        header.set(ValueLayout.JAVA_LONG, 24, 1);
        return header;
    }

    private static void attach(Arena arena, MemorySegment header, List<Fd> fds) {
        int length = 16 + 4 * fds.size();
        MemorySegment control = arena.allocate((length + 7) & ~7, 8);
        control.set(ValueLayout.JAVA_LONG, 0, length);
        control.set(ValueLayout.JAVA_INT, 8, SOL_SOCKET);
        control.set(ValueLayout.JAVA_INT, 12, SCM_RIGHTS);
        for (int i = 0; i < fds.size(); i++) {
            control.set(ValueLayout.JAVA_INT, 16 + 4L * i, fds.get(i).number());
        }
        header.set(ValueLayout.JAVA_LONG, 32, control.address());
        header.set(ValueLayout.JAVA_LONG, 40, control.byteSize());
    }

    /**
     * Receives one packet, or what a stream has ready; blocks until there is something.
     *
     * @return the message, or null when the socket is non-blocking and has nothing
     */
    public @Nullable Message receive(int maxBytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(maxBytes);
            MemorySegment control = arena.allocate(16 + 4L * 256, 8);
            MemorySegment header = header(arena, bytes);
            header.set(ValueLayout.JAVA_LONG, 32, control.address());
            long n;
            do {
                header.set(ValueLayout.JAVA_LONG, 40, control.byteSize());
                n = Libc.RECVMSG.call(fd.number(), header.address(), MSG_CMSG_CLOEXEC);
            } while (n < 0 && Libc.errno() == Errno.EINTR);
            if (n < 0) {
                int errno = Libc.errno();
                if (errno == Errno.EAGAIN) {
                    return null;
                }
                if (errno == Errno.ECONNRESET) {
                    return new Message(new byte[0], List.of(), false);
                }
                throw new OsException("receive", errno);
            }
            byte[] data = bytes.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE);
            List<Fd> fds = descriptors(control, header.get(ValueLayout.JAVA_LONG, 40));
            boolean truncated = (header.get(ValueLayout.JAVA_INT, 48) & (MSG_TRUNC | MSG_CTRUNC)) != 0;
            return new Message(data, fds, truncated);
        }
    }

    private static List<Fd> descriptors(MemorySegment control, long length) {
        List<Fd> fds = new ArrayList<>();
        for (long at = 0; at + 16 <= length; ) {
            long size = control.get(ValueLayout.JAVA_LONG, at);
            if (size < 16 || at + size > length) {
                break;
            }
            if (control.get(ValueLayout.JAVA_INT, at + 8) == SOL_SOCKET
                    && control.get(ValueLayout.JAVA_INT, at + 12) == SCM_RIGHTS) {
                for (long i = at + 16; i + 4 <= at + size; i += 4) {
                    fds.add(Fd.adopt(control.get(ValueLayout.JAVA_INT, i)));
                }
            }
            at += (size + 7) & ~7;
        }
        return fds;
    }

    @Override
    public void close() {
        fd.close();
    }
}
