package jcrosvm.vhostuser.backend;

import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import jcrosvm.base.Errno;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.Signals;
import jcrosvm.base.io.SpawnedProcess;
import jcrosvm.base.io.ThreadScope;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.ConfigException;
import jcrosvm.config.RecordBinder;
import jcrosvm.config.Value;
import jcrosvm.sandbox.BootstrapSocket;
import jcrosvm.sandbox.LogSettings;
import jcrosvm.sandbox.ProcessType;
import jcrosvm.vhostuser.bootstrap.Bootstrap;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Answer;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Failed;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Half;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Ready;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.StartUp;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Verb;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.VirtioDevice;
import org.jspecify.annotations.Nullable;

/** The process of one device, which its VM has started: from the bootstrap socket to the device's end. */
public final class DeviceChild {
    private static final System.Logger LOG = System.getLogger(DeviceChild.class.getName());

    private final Bootstrap bootstrap;
    private final DeviceModule<?> module;
    /** Null until there is one. */
    private final AtomicReference<@Nullable VirtioDevice> device = new AtomicReference<>();

    private DeviceChild(Bootstrap bootstrap, DeviceModule<?> module) {
        this.bootstrap = bootstrap;
        this.module = module;
    }

    /**
     * Serves the device to its end. To be called on a thread that lives as long as the process.
     *
     * @param socket the bootstrap socket's number
     * @param module of the device
     * @param settings puts into effect how messages are to be written; the file for them is there or null
     * @return exit code of the process
     * @throws VmmException when the descriptor is no such socket, or a VM does not speak as it should
     */
    public static int run(int socket, DeviceModule<?> module, BiConsumer<LogSettings, @Nullable Fd> settings) {
        // Of a terminal or of a service: the VM decides when its devices end.
        Signals.onTermination(() -> {});
        // Closed by the process's end: answers may be on their way until then.
        Bootstrap bootstrap = open(socket);
        if (!begin(bootstrap, settings)) {
            return 0;
        }
        try (Bootstrap.Received half = bootstrap.receive(BootstrapSocket.TIMEOUT_MILLIS)) {
            // Otherwise the VM has given up.
            return half == null ? 0 : new DeviceChild(bootstrap, module).run(half);
        }
    }

    private static Bootstrap open(int socket) {
        try {
            return new Bootstrap(new BootstrapSocket(UnixSocket.adopt(Fd.adopt(socket)), "the VM"), "the VM");
        } catch (OsException | IllegalArgumentException e) {
            throw new VmmException(
                    "descriptor " + socket + " is not open: only a VM can start the process of a device", e);
        }
    }

    /** Does what every process of ours does first; false when the VM is gone. */
    private static boolean begin(Bootstrap bootstrap, BiConsumer<LogSettings, @Nullable Fd> settings) {
        try (Bootstrap.Received received = bootstrap.receive(BootstrapSocket.TIMEOUT_MILLIS)) {
            if (received == null) {
                return false;
            }
            if (!(received.message() instanceof StartUp start)) {
                throw new VmmException("the VM sent a message that does not belong there");
            }
            if (!SpawnedProcess.dieWithParent(start.parent())) {
                return false;
            }
            Fd log = start.hasLogFile() ? received.descriptors().getFirst().duplicate() : null;
            settings.accept(new LogSettings(start.logFilter(), start.syslogTag(), null), log);
            return true;
        }
    }

    private int run(Bootstrap.Received received) {
        int failure = ProcessType.of(module.name()).failure();
        if (!(received.message() instanceof Half half)) {
            throw new VmmException("the VM sent a message that does not belong there");
        }
        Iterator<Fd> descriptors = received.descriptors().iterator();
        BackendHalf own = new BackendHalf(
                half.kind(), half.label(), UnixSocket.adopt(descriptors.next()), new EventFd(descriptors.next()));
        EventFd exit = new EventFd(own.exit().fd().duplicate());
        try {
            DeviceWorker.run(own, maker(module, half, descriptors), GuestMemorySource.MAPPED, made -> {
                device.set(made);
                bootstrap.send(ready(made.traits()), List.of());
                ThreadScope.current().start("verbs", () -> serveVerbs(exit));
            });
            return 0;
        } catch (RuntimeException e) {
            String reason = half.label() + (e instanceof VmmException ? e.getMessage() : "internal error: " + e);
            if (!(e instanceof VmmException)) {
                LOG.log(System.Logger.Level.ERROR, reason, e);
            }
            if (device.get() == null) {
                tellFailure(reason);
            }
            return failure;
        }
    }

    private void tellFailure(String reason) {
        try {
            bootstrap.send(new Failed(reason), List.of());
        } catch (VmmException e) {
            LOG.log(System.Logger.Level.ERROR, reason); // the VM is not there to say it
        }
    }

    private static Ready ready(DeviceTraits traits) {
        return new Ready(
                traits.type(), traits.features(), traits.queueSizes(), traits.configLength(), traits.unsavable());
    }

    private static <C extends DeviceConfig> Supplier<VirtioDevice> maker(
            DeviceModule<C> module, Half half, Iterator<Fd> descriptors) {
        return () -> {
            if (!half.kind().equals(module.name())) {
                throw new VmmException("a process for " + module.name() + " devices cannot have a " + half.kind());
            }
            try (HostResources resources = new HostResources(description(module, half))) {
                half.names().forEach(name -> resources.with(name, descriptors.next()));
                C config = RecordBinder.bindSaved(half.config(), module.configType());
                config.validate();
                return module.create(config, half.index(), resources, half.vm());
            } catch (ConfigException e) {
                throw new VmmException("the VM sent what is no device: " + e.getMessage(), e);
            }
        };
    }

    /** The VM has more rights than this process: it may name the class, which only has to be a record. */
    private static Record description(DeviceModule<?> module, Half half) {
        try {
            Class<?> type = Class.forName(half.type(), false, module.getClass().getClassLoader());
            return RecordBinder.bindSaved(half.description(), type.asSubclass(Record.class));
        } catch (ClassNotFoundException | ClassCastException e) {
            throw new VmmException("the VM sent a " + half.type() + ", which is no record that is known", e);
        }
    }

    private void serveVerbs(EventFd exit) {
        try (exit) {
            try {
                for (Bootstrap.Received next = bootstrap.receive(-1); next != null; next = bootstrap.receive(-1)) {
                    try (Bootstrap.Received received = next) {
                        if (!(received.message() instanceof Verb verb)) {
                            throw new VmmException("the VM sent a message that does not belong there");
                        }
                        serve(verb);
                    }
                }
            } catch (VmmException e) {
                LOG.log(System.Logger.Level.ERROR, e.getMessage());
            }
            exit.signal(); // the VM is gone, or is not to be understood
        }
    }

    private void serve(Verb verb) {
        VirtioDevice served = device.get();
        CompletionStage<Value> reply;
        try {
            if (served == null) {
                throw new OsException(verb.verb(), Errno.ENODEV);
            }
            reply = served.command(verb.verb(), verb.body());
        } catch (RuntimeException e) {
            answer(verb, null, e);
            return;
        }
        var _ = reply.whenComplete((value, error) -> answer(verb, value, error));
    }

    private void answer(Verb verb, @Nullable Value value, @Nullable Throwable error) {
        Throwable cause = error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
        int errno = switch (cause) {
            case null -> 0;
            case OsException e -> e.errno();
            case ConfigException _ -> Errno.EINVAL;
            default -> Errno.EIO;
        };
        if (cause != null) {
            LOG.log(System.Logger.Level.DEBUG, "a request was not carried out: " + cause.getMessage());
        }
        try {
            bootstrap.send(new Answer(verb.id(), errno, value), List.of());
        } catch (VmmException e) {
            LOG.log(System.Logger.Level.DEBUG, "an answer is not heard: " + e.getMessage());
        }
    }
}
