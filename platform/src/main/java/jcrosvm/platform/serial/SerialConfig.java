package jcrosvm.platform.serial;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One {@code --serial} option. */
public record SerialConfig(
        Type type,
        Hardware hardware,
        @Nullable String name,
        int num,
        @Nullable Path path,
        @Nullable Path input,
        boolean inputUnixStream,
        boolean console,
        boolean earlycon,
        boolean stdin,
        boolean outTimestamp,
        int debugconPort,
        @Nullable String pciAddress,
        @Nullable List<Integer> maxQueueSizes) {
    /** Where output goes. */
    public enum Type {
        SINK,
        STDOUT,
        SYSLOG,
        FILE,
        UNIX,
        UNIX_STREAM
    }

    /** What the guest sees. */
    public enum Hardware {
        SERIAL,
        VIRTIO_CONSOLE,
        LEGACY_VIRTIO_CONSOLE,
        DEBUGCON
    }

    public static SerialConfig defaults() {
        return new SerialConfig(
                Type.SINK, Hardware.SERIAL, null, 1, null, null, false, false, false, false, false, 0x402, null, null);
    }

    /** @throws jcrosvm.base.VmmException saying what cannot be */
    public void validate() {}
}
