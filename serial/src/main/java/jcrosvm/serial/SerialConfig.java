package jcrosvm.serial;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import jcrosvm.base.VmmException;
import jcrosvm.config.Alias;
import jcrosvm.config.ConfigException;
import jcrosvm.config.Help;
import jcrosvm.config.Range;
import org.jspecify.annotations.Nullable;

/**
 * One {@code --serial} option.
 *
 * @param type where output goes
 * @param hardware what the guest sees
 * @param name port name of a virtio console, which makes it a device with a control queue
 * @param num which one of its kind, from 1
 * @param path file or socket of {@code type}
 * @param input file, pipe or device to read input from
 * @param inputUnixStream input comes from the socket of {@code type=unix-stream}
 * @param console the guest's kernel gets it as {@code console=}
 * @param earlycon the guest's kernel prints there before it has drivers
 * @param stdin input comes from standard input
 * @param outTimestamp each line of output begins with the host's time
 * @param debugconPort port of a debug console
 * @param pciAddress place of a virtio console
 * @param maxQueueSizes of a virtio console
 */
public record SerialConfig(
        @Help("where output goes") Type type,
        @Help(argument = "serial|virtio-console|debugcon") Hardware hardware,
        @Help("name of a virtio-console's port") @Nullable String name,

        @Help("1 to 4 for COM1 to COM4, 1 or more for hvc0 and on") @Range(max = 255)
        int num,

        @Help("of the file or socket") @Nullable Path path,
        @Help("to read from") @Nullable Path input,
        @Help("read from the socket too") boolean inputUnixStream,
        @Help("the kernel's console") boolean console,
        @Help("the kernel's early console") boolean earlycon,
        @Help("read from standard input") boolean stdin,

        @Alias("out_timestamp") @Help("put the time in front of each line")
        boolean outTimestamp,

        @Alias("debugcon_port") @Help(argument = "PORT") @Range(max = 0xffff)
        int debugconPort,

        @Help(value = "of a virtio-console", argument = "ADDRESS") @Nullable
        String pciAddress,

        @Help(value = "of a virtio-console (default 256)", argument = "[RECEIVE,TRANSMIT]") @Nullable
        List<Integer> maxQueueSizes) {
    /** The port where Bochs and its followers have their debug console. */
    public static final int DEFAULT_DEBUGCON_PORT = 0x402;

    private static final int SERIAL_PORTS = 4;
    private static final int VIRTIO_QUEUES = 2;
    private static final int MAX_QUEUE_SIZE = 32768;
    /** Linux's drivers take messages of a page; a name is for people and udev. */
    private static final int MAX_NAME = 255;

    /** @throws ConfigException for what crosvm too takes for a mistake in the option itself, not in the machine */
    public SerialConfig {
        String label = label(hardware, num);
        requireWord(
                num >= 1 && (hardware != Hardware.SERIAL || num <= SERIAL_PORTS),
                label,
                "num must be " + (hardware == Hardware.SERIAL ? "1 to " + SERIAL_PORTS : "1 or more") + ", not " + num);
        requireWord(!stdin || input == null, label, "only one of stdin and input can be given");
        requireWord(pciAddress == null || hardware.isVirtio(), label, "pci-address needs hardware=virtio-console");
        maxQueueSizes = maxQueueSizes == null ? null : List.copyOf(maxQueueSizes);
    }

    /** Where output goes. */
    public enum Type {
        SINK,
        STDOUT,
        SYSLOG,
        FILE,
        UNIX,
        UNIX_STREAM;

        boolean needsPath() {
            return this == FILE || this == UNIX || this == UNIX_STREAM;
        }

        /** As in the option. */
        public String word() {
            return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
        }
    }

    /** What the guest sees. */
    public enum Hardware {
        SERIAL,
        VIRTIO_CONSOLE,
        LEGACY_VIRTIO_CONSOLE,
        DEBUGCON;

        /** A device of its own on the virtio bus, under either name. */
        public boolean isVirtio() {
            return this == VIRTIO_CONSOLE || this == LEGACY_VIRTIO_CONSOLE;
        }

        /** As in the option. */
        public String word() {
            return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
        }
    }

    /** COM1 with its output thrown away. */
    public static SerialConfig defaults() {
        return new SerialConfig(
                Type.SINK,
                Hardware.SERIAL,
                null,
                1,
                null,
                null,
                false,
                false,
                false,
                false,
                false,
                DEFAULT_DEBUGCON_PORT,
                null,
                null);
    }

    /** A virtio console between two files; where there is none, output is thrown away and no input comes. */
    public static SerialConfig virtioConsole(@Nullable Path output, @Nullable Path input) {
        return new SerialConfig(
                output == null ? Type.SINK : Type.FILE,
                Hardware.VIRTIO_CONSOLE,
                null,
                1,
                output,
                input,
                false,
                false,
                false,
                false,
                false,
                DEFAULT_DEBUGCON_PORT,
                null,
                null);
    }

    /** The same ends on a virtio console. */
    public SerialConfig asVirtioConsole() {
        return new SerialConfig(
                type,
                Hardware.VIRTIO_CONSOLE,
                name,
                num,
                path,
                input,
                inputUnixStream,
                console,
                earlycon,
                stdin,
                outTimestamp,
                debugconPort,
                pciAddress,
                maxQueueSizes);
    }

    /** What a machine has when no console is configured. */
    public static SerialConfig standardConsole(boolean stdin) {
        return defaults().with(to -> {
            to.type = Type.STDOUT;
            to.console = true;
            to.stdin = stdin;
        });
    }

    /** A COM port whose output is thrown away. */
    public static SerialConfig sink(int num) {
        return defaults().with(to -> to.num = num);
    }

    /** This port with other values: {@code SerialConfig.sink(2).with(to -> to.earlycon = true)}. */
    public SerialConfig with(Consumer<Change> change) {
        Change to = new Change(this);
        change.accept(to);
        return to.made();
    }

    /** The components of a configuration that is made of another one. */
    public static final class Change {
        public Type type;
        public Hardware hardware;
        public @Nullable String name;
        public int num;
        public @Nullable Path path;
        public @Nullable Path input;
        public boolean inputUnixStream;
        public boolean console;
        public boolean earlycon;
        public boolean stdin;
        public boolean outTimestamp;
        public int debugconPort;
        public @Nullable String pciAddress;
        public @Nullable List<Integer> maxQueueSizes;

        private Change(SerialConfig from) {
            type = from.type;
            hardware = from.hardware;
            name = from.name;
            num = from.num;
            path = from.path;
            input = from.input;
            inputUnixStream = from.inputUnixStream;
            console = from.console;
            earlycon = from.earlycon;
            stdin = from.stdin;
            outTimestamp = from.outTimestamp;
            debugconPort = from.debugconPort;
            pciAddress = from.pciAddress;
            maxQueueSizes = from.maxQueueSizes;
        }

        private SerialConfig made() {
            return new SerialConfig(
                    type,
                    hardware,
                    name,
                    num,
                    path,
                    input,
                    inputUnixStream,
                    console,
                    earlycon,
                    stdin,
                    outTimestamp,
                    debugconPort,
                    pciAddress,
                    maxQueueSizes);
        }
    }

    /**
     * Checks what is used. Keys that this type or hardware has no use for are ignored, as crosvm does.
     *
     * @throws VmmException saying what cannot be
     */
    public void validate() {
        require(path != null || !type.needsPath(), "type=" + type.word() + " needs a path");
        int inputs = (stdin ? 1 : 0) + (input != null ? 1 : 0) + (readsSocket() ? 1 : 0);
        require(inputs <= 1, "only one of stdin, input and input-unix-stream can be given");
        require(!earlycon || hardware == Hardware.SERIAL, "earlycon needs hardware=serial");
        if (hardware.isVirtio()) {
            virtioKeys();
        }
        if (hardware == Hardware.DEBUGCON) {
            require(inputs == 0, "a debugcon has no input");
            require(!console, "a debugcon cannot be the console");
        }
        require(debugconPort >= 0 && debugconPort <= 0xffff, "debugcon-port " + debugconPort + " is above 65535");
    }

    private void virtioKeys() {
        require(
                name == null || name.getBytes(StandardCharsets.UTF_8).length <= MAX_NAME,
                "name is longer than " + MAX_NAME + " bytes");
        require(name == null || name.chars().noneMatch(Character::isISOControl), "name has a control character");
        if (maxQueueSizes != null) {
            require(
                    maxQueueSizes.size() == VIRTIO_QUEUES,
                    "max-queue-sizes needs " + VIRTIO_QUEUES + " sizes, of the receive and the transmit queue, not "
                            + maxQueueSizes.size());
            for (int size : maxQueueSizes) {
                require(
                        size >= 2 && size <= MAX_QUEUE_SIZE && Integer.bitCount(size) == 1,
                        "max-queue-sizes must be powers of two from 2 to " + MAX_QUEUE_SIZE + ", not " + size);
            }
        }
    }

    /** As messages call it: {@code serial 1}, {@code virtio-console 2}. */
    public String label() {
        return label(hardware, num);
    }

    private static String label(Hardware hardware, int num) {
        return hardware.word() + " " + num;
    }

    /** Whether input comes from the socket that output goes to. */
    boolean readsSocket() {
        return inputUnixStream && type == Type.UNIX_STREAM;
    }

    private static void requireWord(boolean condition, String label, String otherwise) {
        if (!condition) {
            throw new ConfigException(label + ": " + otherwise);
        }
    }

    private void require(boolean condition, String otherwise) {
        if (!condition) {
            throw error(otherwise);
        }
    }

    private VmmException error(String problem) {
        return new VmmException(label() + ": " + problem);
    }
}
