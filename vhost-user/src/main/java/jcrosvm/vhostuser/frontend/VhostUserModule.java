package jcrosvm.vhostuser.frontend;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.ProtocolFeatures;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.Placement;
import jcrosvm.virtio.SandboxProfile;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import org.jspecify.annotations.Nullable;

/** Devices of any type with a backend that the user has started. */
public final class VhostUserModule implements DeviceModule<VhostUserConfig> {
    private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final Pattern INHERITED = Pattern.compile("/(?:proc/self|dev)/fd/(\\d{1,9})");

    private static final Option<VhostUserConfig> VHOST_USER = Option.structured(
                    "vhost-user",
                    VhostUserConfig.class,
                    "type=TYPE,socket=PATH[,KEY=VALUE,...]",
                    "Add a device whose backend is another program, which listens at a Unix socket and speaks vhost-user.")
            .repeatable();
    private static final Option<Integer> CONNECT_TIMEOUT = Option.word(
            "vhost-user-connect-timeout-ms",
            Integer.class,
            "MS",
            "How long to wait for backends that do not listen yet (default 0).");

    @Override
    public String name() {
        return "vhost-user";
    }

    @Override
    public Class<VhostUserConfig> configType() {
        return VhostUserConfig.class;
    }

    @Override
    public Option.Group options() {
        return new Option.Group("Devices of other programs", List.of(VHOST_USER, CONNECT_TIMEOUT));
    }

    @Override
    public List<VhostUserConfig> read(Arguments arguments) {
        Integer timeout = arguments.value(CONNECT_TIMEOUT);
        return arguments.values(VHOST_USER).stream()
                .map(config -> config.withConnectTimeout(timeout))
                .toList();
    }

    @Override
    public String pciAddress(VhostUserConfig config) {
        String address = config.pciAddress();
        return address == null ? "" : address;
    }

    @Override
    public Placement placement(VhostUserConfig config) {
        return Placement.SOCKET;
    }

    @Override
    public SandboxProfile sandbox(VhostUserConfig config) {
        return SandboxProfile.of("sendmsg", "recvmsg", "poll");
    }

    @Override
    public HostResources open(VhostUserConfig config, int index, VmFacts vm) {
        Integer timeout = config.connectTimeoutMs();
        Matcher inherited = INHERITED.matcher(config.socket().toString());
        Fd socket = inherited.matches()
                ? inherited(config, Integer.parseInt(inherited.group(1)))
                : connect(config, timeout == null ? 0 : timeout);
        return new HostResources().with("socket", socket);
    }

    static boolean isInherited(Path socket) {
        return INHERITED.matcher(socket.toString()).matches();
    }

    private static Fd inherited(VhostUserConfig config, int number) {
        try {
            // Not ours to close twice: two devices may name one by mistake.
            Fd theirs = Fd.adopt(number);
            Fd own = theirs.duplicate();
            theirs.release();
            return own;
        } catch (OsException e) {
            throw failed(config, "descriptor " + number + " is not open");
        }
    }

    private static Fd connect(VhostUserConfig config, int timeoutMillis) {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis);
        while (true) {
            try {
                return UnixSocket.connect(config.socket(), UnixSocket.Type.STREAM)
                        .fd();
            } catch (OsException e) {
                boolean isEarly = e.errno() == Errno.ENOENT || e.errno() == Errno.ECONNREFUSED;
                if (isEarly && System.nanoTime() < deadline) {
                    LockSupport.parkNanos(RETRY_NANOS);
                    continue;
                }
                throw failed(
                        config,
                        switch (e.errno()) {
                            case Errno.ENOENT ->
                                "there is no such socket: start the backend first, or have it waited for by"
                                        + " --vhost-user-connect-timeout-ms";
                            case Errno.ECONNREFUSED -> "no backend listens there";
                            case Errno.EACCES -> "this user may not connect to it";
                            case Errno.EPROTOTYPE -> "it is not a stream socket";
                            default -> String.valueOf(e.getMessage());
                        });
            }
        }
    }

    private static VmmException failed(VhostUserConfig config, String why) {
        return new VmmException("--vhost-user " + config.socket() + ": " + why);
    }

    @Override
    public VirtioDevice create(VhostUserConfig config, int index, HostResources resources, VmFacts vm) {
        BackEnd backend;
        try {
            backend = begin(config, resources.take("socket"));
        } catch (VmmException e) {
            throw failed(config, String.valueOf(e.getMessage()));
        }
        try {
            Integer size = config.maxQueueSize();
            DeviceShape shape = config.type().shape(backend, size == null ? 0 : size);
            return new VhostUserDevice("vhost-user" + index, backend, shape, null, reconnection(config, backend));
        } catch (RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    private static BackEnd begin(VhostUserConfig config, Fd socket) {
        return new BackEnd(
                new Connection(UnixSocket.adopt(socket), "the backend at " + config.socket()),
                config.reconnect() != null);
    }

    private static @Nullable Reconnection reconnection(VhostUserConfig config, BackEnd backend) {
        Integer seconds = config.reconnect();
        if (seconds == null) {
            return null;
        }
        if (!backend.has(ProtocolFeatures.INFLIGHT_SHMFD) && !config.type().isForgiving()) {
            throw failed(
                    config,
                    "reconnect needs a backend that notes which requests are in flight (INFLIGHT_SHMFD); this one does"
                            + " not");
        }
        return new Reconnection(seconds, () -> begin(config, connect(config, 0)));
    }
}
