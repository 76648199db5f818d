package jcrosvm.devices;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.config.RecordWriter;
import jcrosvm.devices.balloon.BalloonConfig;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.devices.console.ConsoleConfig;
import jcrosvm.devices.net.NetConfig;
import jcrosvm.devices.rng.RngConfig;
import jcrosvm.devices.snd.SndConfig;
import jcrosvm.network.user.UserNetworkConfig;
import jcrosvm.serial.SerialConfig;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeviceModulesTest {
    private static final VmFacts FACTS = new VmFacts(2, 64 << 20);

    @TempDir
    private Path dir;

    private List<DeviceConfig> configs() throws IOException {
        Path disk = Files.write(dir.resolve("disk"), new byte[4096]);
        return List.of(
                new ConsoleConfig(SerialConfig.defaults().with(to -> {
                    to.type = SerialConfig.Type.FILE;
                    to.hardware = SerialConfig.Hardware.VIRTIO_CONSOLE;
                    to.path = dir.resolve("console");
                })),
                BlockConfig.of(disk),
                new RngConfig(),
                new BalloonConfig(false, 0),
                NetConfig.user(UserNetworkConfig.defaults()),
                SndConfig.file(dir, 100, disk),
                RecordBinder.bind(KeyValueParser.parse("backend=pulse"), SndConfig.class));
    }

    @Test
    void standInTheOrderOfTheBus() {
        assertThat(DeviceModules.all())
                .extracting(DeviceModule::name)
                .containsExactly("console", "block", "rng", "balloon", "net", "snd", "vhost-user");
    }

    /** A module of another program. */
    private static DeviceModule<?> foreign(String name) {
        return (DeviceModule<?>) Proxy.newProxyInstance(
                org.assertj.core.api.Assertions.class.getClassLoader(),
                new Class<?>[] {DeviceModule.class},
                (proxy, method, arguments) -> method.getName().equals("name") ? name : null);
    }

    @Test
    void othersFollowOrderedByName() {
        List<DeviceModule<?>> loaded = new ArrayList<>(List.of(foreign("z"), foreign("a")));
        loaded.addAll(1, DeviceModules.all());
        assertThat(DeviceModules.inOrder(loaded))
                .extracting(DeviceModule::name)
                .containsExactly("console", "block", "rng", "balloon", "net", "snd", "a", "vhost-user", "z");
        loaded.add(foreign("net"));
        assertThatThrownBy(() -> DeviceModules.inOrder(loaded))
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("two device modules are called 'net'");
    }

    /** What is opened can go to another process: descriptors, and a record that can be written and read again. */
    @Test
    void whatIsOpenedCanBeSent() throws IOException {
        for (DeviceConfig config : configs()) {
            DeviceModule<?> module = DeviceModules.all().stream()
                    .filter(m -> m.configType().isInstance(config))
                    .findFirst()
                    .orElseThrow();
            make(module, config);
        }
    }

    private static <C extends DeviceConfig> void make(DeviceModule<C> module, DeviceConfig any) throws IOException {
        C config = module.configType().cast(any);
        HostResources opened = module.open(config, 0, FACTS);
        Record description = opened.description(Record.class);
        String text = JsonWriter.pretty(RecordWriter.write(description));
        HostResources sent = new HostResources(RecordBinder.bindSaved(JsonReader.parse(text), description.getClass()));
        opened.descriptors().forEach((name, fd) -> sent.with(name, fd.duplicate()));
        opened.close();
        assertThat(sent.description(Record.class)).isEqualTo(description);
        Map<String, Fd> given = new LinkedHashMap<>(sent.descriptors());
        Set<String> before = files();
        try (sent;
                VirtioDevice device = module.create(config, 0, sent, FACTS)) {
            assertThat(device.traits().queueSizes()).isNotEmpty();
            assertThat(files()).as("files that %s opens itself", module.name()).isEqualTo(before);
            assertThat(sent.descriptors()).isEmpty();
        }
        assertThat(given.values()).noneMatch(Fd::isOpen);
    }

    /** The files of file systems that this process has open. */
    private static Set<String> files() throws IOException {
        Set<String> places = new java.util.TreeSet<>();
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            for (Path descriptor : descriptors.toList()) {
                try {
                    String place = Files.readSymbolicLink(descriptor).toString();
                    if (place.startsWith("/") && !place.endsWith(".jar") && !place.startsWith("/proc/")) {
                        places.add(place);
                    }
                } catch (java.nio.file.NoSuchFileException e) {
                    // the listing's own
                }
            }
        }
        return places;
    }
}
