package jcrosvm.virtio;

import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import org.jspecify.annotations.Nullable;

/**
 * How devices of a kind are described that are served by themselves, to VMs of other processes.
 *
 * @param options beside those about front ends, which all kinds have
 * @param runOption name of the option of {@code run} that describes one such device; empty where there is none
 * @param reader what the options describe, at least one device
 * @param <C> the devices' configuration
 */
public record StandaloneOptions<C extends DeviceConfig>(
        List<Option<?>> options, String runOption, Function<Arguments, List<Served<C>>> reader) {
    /**
     * One device.
     *
     * @param socket where its front end connects; null where the options about front ends say it
     */
    public record Served<C extends DeviceConfig>(
            C config, @Nullable Path socket) {}

    public StandaloneOptions {
        options = List.copyOf(options);
    }

    /** The same for a kind of which there is always one device. */
    public static <C extends DeviceConfig> StandaloneOptions<C> single(
            List<Option<?>> options, String runOption, Function<Arguments, C> reader) {
        return new StandaloneOptions<>(
                options, runOption, arguments -> List.of(new Served<>(reader.apply(arguments), null)));
    }
}
