package jcrosvm.vhostuser.frontend;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.SpawnedProcess;
import jcrosvm.base.io.UnixSocket;
import jcrosvm.config.RecordWriter;
import jcrosvm.config.Value;
import jcrosvm.memory.GuestMemory;
import jcrosvm.sandbox.BootstrapSocket;
import jcrosvm.sandbox.ChildProcess;
import jcrosvm.sandbox.LogSettings;
import jcrosvm.sandbox.ProgramCommand;
import jcrosvm.vhostuser.Connection;
import jcrosvm.vhostuser.backend.BackendHalf;
import jcrosvm.vhostuser.bootstrap.Bootstrap;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Failed;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Half;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.Ready;
import jcrosvm.vhostuser.bootstrap.BootstrapMessage.StartUp;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import org.jspecify.annotations.Nullable;

/** The backend of a device in a process of its own, which this object starts, and ends with the front end. */
public final class DeviceProcess implements Companion {
    /** How long a process may take to end once its exit event is signalled, in milliseconds. */
    public static final int EXIT_TIMEOUT_MILLIS = 3000;

    private static final System.Logger LOG = System.getLogger(DeviceProcess.class.getName());

    /** The same until its device is ready: a hundred times what it needs, for a busy host. */
    private static final int START_TIMEOUT_MILLIS = 30_000;

    /** A process that was killed is gone when its last system call has returned. */
    private static final int KILL_TIMEOUT_MILLIS = 1000;

    /** For the end of a process that has closed its connection. */
    private static final int ENDING_MILLIS = 1000;

    /** Number of the bootstrap socket in the process. */
    private static final String BOOTSTRAP = "3";

    private final SplitDevice split;
    private final ChildProcess process;
    private final Bootstrap bootstrap;
    private final Verbs verbs;
    private final VirtioDevice device;
    private long exitDeadline; // guarded by this
    private boolean mustExit; // guarded by this

    /**
     * What is to be done in the process.
     *
     * @param config of the device
     * @param index among all devices of the kind
     * @param resources as the module has opened them; closed when they are sent, or cannot be
     */
    public record Task(Record config, int index, HostResources resources, VmFacts vm) {}

    private DeviceProcess(SplitDevice split, Bootstrap bootstrap, ChildProcess process, Ready ready) {
        this.split = split;
        this.bootstrap = bootstrap;
        this.process = process;
        verbs = new Verbs(bootstrap, process);
        DeviceShape shape = new DeviceShape(
                ready.type(), ready.features(), ready.queueSizes(), ready.configLength(), ready.unsavable());
        BackEnd end = new BackEnd(new Connection(split.connection(), "the backend of " + split.name()));
        try {
            device = new VhostUserDevice(split.name(), end, shape, this, null);
        } catch (RuntimeException e) {
            end.close();
            throw e;
        }
    }

    /**
     * Starts the process and waits until the device is ready.
     *
     * @param split closed by the front end, or when there will be none
     * @throws VmmException with one line for the user
     */
    public static DeviceProcess start(SplitDevice split, ProgramCommand command, Task task) {
        long began = System.nanoTime();
        BackendHalf half = split.takeBackend();
        List<UnixSocket> pair = UnixSocket.pair(UnixSocket.Type.SEQPACKET);
        String peer = "the process of " + split.name();
        Bootstrap bootstrap = new Bootstrap(new BootstrapSocket(pair.get(0), peer), peer);
        ChildProcess process = null;
        try {
            try (half;
                    HostResources resources = task.resources();
                    UnixSocket theirs = pair.get(1)) {
                process = spawn(split, command, theirs);
                theirs.close(); // that it is gone shall be seen
                tell(bootstrap, split, half, task, resources);
            }
            Ready ready = ready(bootstrap, process);
            LOG.log(
                    System.Logger.Level.DEBUG,
                    "{0}the process of {1} (pid {2}) is ready after {3} ms",
                    split.label(),
                    split.name(),
                    Integer.toString(process.pid()),
                    TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began));
            return new DeviceProcess(split, bootstrap, process, ready);
        } catch (RuntimeException e) {
            if (process != null) {
                process.kill();
                process.await(KILL_TIMEOUT_MILLIS);
            }
            bootstrap.close();
            split.close();
            throw e;
        }
    }

    private static ChildProcess spawn(SplitDevice split, ProgramCommand command, UnixSocket socket) {
        Path directory = LogSettings.current().directory();
        try (Fd in = Fd.open(Path.of("/dev/null"), Fd.O_RDONLY)) {
            if (directory == null) {
                // Numbers that stay this process's: nothing closes them.
                return spawn(split, command, List.of(in, Fd.adopt(1), Fd.adopt(2), socket.fd()));
            }
            try (Fd out = logFile(directory, split, "stdout");
                    Fd err = logFile(directory, split, "stderr")) {
                return spawn(split, command, List.of(in, out, err, socket.fd()));
            }
        }
    }

    private static ChildProcess spawn(SplitDevice split, ProgramCommand command, List<Fd> descriptors) {
        List<String> words = List.of("device", split.kind(), "--bootstrap", BOOTSTRAP);
        return ChildProcess.start(split.name() + "-process", command, words, descriptors);
    }

    private static Fd logFile(Path directory, SplitDevice split, String what) {
        return Fd.open(
                directory.resolve(split.name() + "_" + what + ".log"), Fd.O_WRONLY | Fd.O_CREAT | Fd.O_APPEND, 0600);
    }

    private static void tell(
            Bootstrap bootstrap, SplitDevice split, BackendHalf half, Task task, HostResources resources) {
        LogSettings log = LogSettings.current();
        int own = (int) ProcessHandle.current().pid();
        Path directory = log.directory();
        if (directory == null) {
            bootstrap.send(new StartUp(own, log.filter(), log.syslogTag(), false, false), List.of());
        } else {
            try (Fd file = logFile(directory, split, "syslog")) {
                bootstrap.send(new StartUp(own, log.filter(), log.syslogTag(), true, false), List.of(file));
            }
        }
        Record description = resources.description(Record.class);
        List<Fd> descriptors =
                new ArrayList<>(List.of(half.connection().fd(), half.exit().fd()));
        descriptors.addAll(resources.descriptors().values());
        bootstrap.send(
                new Half(
                        split.kind(),
                        task.index(),
                        split.label(),
                        task.vm(),
                        RecordWriter.write(task.config()),
                        description.getClass().getName(),
                        RecordWriter.write(description),
                        List.copyOf(resources.descriptors().keySet())),
                descriptors);
    }

    private static Ready ready(Bootstrap bootstrap, ChildProcess process) {
        try (Bootstrap.Received received = bootstrap.receive(START_TIMEOUT_MILLIS)) {
            if (received != null) {
                return switch (received.message()) {
                    case Ready ready -> ready;
                    case Failed failed -> throw new VmmException(failed.reason());
                    default -> throw new VmmException("its process sent a message that does not belong there");
                };
            }
        }
        String how = ending(process, START_TIMEOUT_MILLIS);
        throw new VmmException("its process " + (how == null ? "does not answer" : how) + " before it was ready");
    }

    private static @Nullable String ending(ChildProcess process, int millis) {
        boolean _ = process.await(millis);
        SpawnedProcess.Ending ending = process.ending();
        return ending == null ? null : "(pid " + process.pid() + ") " + ending;
    }

    /** The front end. */
    public VirtioDevice device() {
        return device;
    }

    /** Process id, which may be another's once the front end is closed. */
    public int pid() {
        return process.pid();
    }

    /** How the process ended; null while it runs. */
    public SpawnedProcess.@Nullable Ending ending() {
        return process.ending();
    }

    /**
     * Tells the process to end; the front end is of no use from here on. {@link #EXIT_TIMEOUT_MILLIS} from the first call on it is killed, once the front end is
     * closed.
     */
    public synchronized void requestEnd() {
        if (!mustExit) {
            mustExit = true;
            exitDeadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(EXIT_TIMEOUT_MILLIS);
            split.exit().signal();
        }
    }

    @Override
    public synchronized boolean isEnding() {
        return mustExit;
    }

    private synchronized long millisLeft() {
        return Math.max(0, TimeUnit.NANOSECONDS.toMillis(exitDeadline - System.nanoTime()));
    }

    @Override
    public void show(GuestMemory memory) {
        // it maps what it is sent
    }

    @Override
    public CompletionStage<Value> command(String verb, Value body) {
        return verbs.ask(verb, body);
    }

    @Override
    public @Nullable String failure() {
        boolean _ = process.await(ENDING_MILLIS);
        SpawnedProcess.Ending ending = process.ending();
        return ending == null || ending.isGood()
                ? null
                : split.label() + "the process of " + split.name() + " (pid " + process.pid() + ") " + ending;
    }

    @Override
    public void ended() {
        requestEnd();
        if (!process.await(millisLeft())) {
            String who = split.label() + "the process of " + split.name() + " (pid " + process.pid() + ")";
            LOG.log(
                    System.Logger.Level.WARNING,
                    who + " has not ended within " + EXIT_TIMEOUT_MILLIS + " ms: it is killed");
            process.kill();
            if (!process.await(KILL_TIMEOUT_MILLIS)) {
                LOG.log(System.Logger.Level.WARNING, who + " cannot be killed: the system holds it");
            }
        }
        verbs.close();
        bootstrap.close();
        split.close();
    }
}
