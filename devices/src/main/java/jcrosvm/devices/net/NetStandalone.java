package jcrosvm.devices.net;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import jcrosvm.config.Arguments;
import jcrosvm.config.ConfigException;
import jcrosvm.config.Numbers;
import jcrosvm.config.Option;
import jcrosvm.config.UsageException;
import jcrosvm.virtio.StandaloneOptions;
import jcrosvm.virtio.StandaloneOptions.Served;
import org.jspecify.annotations.Nullable;

/** The options of network devices that are served by themselves, each on a socket of its own. */
final class NetStandalone {
    private static final Option<String> DEVICE = Option.word(
                    "device",
                    String.class,
                    "SOCKET,IP,NETMASK,MAC",
                    "Serve a device on a new tap with this address of the host; MAC is the guest's.")
            .repeatable();
    private static final Option<String> TAP_NAME = Option.word(
                    "tap-name", String.class, "SOCKET,NAME", "Serve a device on an existing tap.")
            .repeatable();
    private static final Option<String> TAP_FD = Option.word(
                    "tap-fd", String.class, "SOCKET,N", "Serve a device on an inherited descriptor of a tap.")
            .repeatable();
    private static final Option<NetConfig> CONFIG = Option.structured(
            "config",
            NetConfig.class,
            "KEY=VALUE,...",
            "Serve a device with the keys of run --net on the socket of --socket-path or --fd.");
    private static final Option<Boolean> MRG_RXBUF =
            Option.flag("mrg-rxbuf", "Offer mergeable receive buffers, for the devices with a socket of their own.");

    static final StandaloneOptions<NetConfig> OPTIONS =
            new StandaloneOptions<>(List.of(DEVICE, TAP_NAME, TAP_FD, CONFIG, MRG_RXBUF), "net", NetStandalone::read);

    private NetStandalone() {}

    private static List<Served<NetConfig>> read(Arguments arguments) {
        Boolean mergeable = arguments.has(MRG_RXBUF) ? true : null;
        List<Served<NetConfig>> all = new ArrayList<>();
        each(
                arguments,
                DEVICE,
                4,
                words -> all.add(new Served<>(
                        config(null, null, words.subList(1, words.size()), mergeable), Path.of(words.getFirst()))));
        each(
                arguments,
                TAP_NAME,
                2,
                words -> all.add(
                        new Served<>(config(words.getLast(), null, List.of(), mergeable), Path.of(words.getFirst()))));
        each(
                arguments,
                TAP_FD,
                2,
                words -> all.add(new Served<>(
                        config(
                                null,
                                (int) Numbers.parse(words.getLast(), -1, 0, Integer.MAX_VALUE),
                                List.of(),
                                mergeable),
                        Path.of(words.getFirst()))));
        NetConfig config = arguments.value(CONFIG);
        if (config != null) {
            all.add(new Served<>(config, null));
        }
        if (all.isEmpty()) {
            throw new UsageException("one of --device, --tap-name, --tap-fd and --config is needed");
        }
        return all;
    }

    private static NetConfig config(
            @Nullable String tap, @Nullable Integer fd, List<String> host, @Nullable Boolean mergeable) {
        String ip = host.isEmpty() ? null : host.get(0);
        String netmask = host.isEmpty() ? null : host.get(1);
        String mac = host.isEmpty() ? null : host.get(2);
        return new NetConfig(tap, fd, ip, netmask, mac, false, null, null, 1, false, null, mergeable, null);
    }

    private static void each(Arguments arguments, Option<String> option, int count, Consumer<List<String>> read) {
        for (String value : arguments.values(option)) {
            List<String> words = List.of(value.split(",", -1));
            try {
                if (words.size() != count) {
                    throw new ConfigException("it is not " + option.argument());
                }
                read.accept(words);
            } catch (ConfigException e) {
                throw new UsageException(
                        "invalid value of option --" + option.name() + " '" + value + "': " + e.getMessage(), e);
            }
        }
    }
}
