package jcrosvm.devices.snd;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jcrosvm.base.VmmException;
import jcrosvm.base.io.Fd;
import jcrosvm.config.Arguments;
import jcrosvm.config.Option;
import jcrosvm.sound.NullBackend;
import jcrosvm.sound.SoundBackend;
import jcrosvm.sound.file.Container;
import jcrosvm.sound.file.FileBackend;
import jcrosvm.sound.file.WavFormat;
import jcrosvm.sound.pulse.PulseBackend;
import jcrosvm.sound.pulse.PulseServer;
import jcrosvm.virtio.ControlVerb;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.HostResources;
import jcrosvm.virtio.Placement;
import jcrosvm.virtio.SandboxProfile;
import jcrosvm.virtio.StandaloneOptions;
import jcrosvm.virtio.VirtioDevice;
import jcrosvm.virtio.VmFacts;
import org.jspecify.annotations.Nullable;

/** Sound cards: one for each option, never called by a transport itself. */
public final class SndModule implements DeviceModule<SndConfig> {
    private static final Option<SndConfig> VIRTIO_SND = Option.structured(
                    "virtio-snd",
                    SndConfig.class,
                    "[backend=null|file|pulse,KEY=VALUE,...]",
                    "Add a sound card. Its streams are connected to nothing (null), to files (file) or to the host's"
                            + " PulseAudio or PipeWire (pulse).")
            .repeatable();
    private static final Option<SndConfig> CONFIG = Option.structured(
            "config",
            SndConfig.class,
            "KEY=VALUE,...",
            "The card, with the keys of run --virtio-snd; without this one that is connected to nothing.");
    private static final String CLIENT = "jcrosvm";

    /**
     * What the descriptors of files are.
     *
     * @param playback of each, in order
     * @param capture of each, in order
     */
    public record SoundFiles(List<Played> playback, List<Captured> capture) {
        public SoundFiles {
            playback = List.copyOf(playback);
            capture = List.copyOf(capture);
        }
    }

    /**
     * A file to play into.
     *
     * @param name for messages
     */
    public record Played(String name, Container container) {}

    /**
     * A file to capture from.
     *
     * @param name for messages
     * @param wav what is in it, or null for raw samples
     */
    public record Captured(String name, @Nullable WavFormat wav) {}

    @Override
    public String name() {
        return "snd";
    }

    @Override
    public Class<SndConfig> configType() {
        return SndConfig.class;
    }

    @Override
    public Option.Group options() {
        return new Option.Group("Sound", List.of(VIRTIO_SND));
    }

    @Override
    public List<SndConfig> read(Arguments arguments) {
        SndHooks hooks = SndHooks.ofProduct();
        return arguments.values(VIRTIO_SND).stream()
                .map(config -> config.withInputs(hooks.inputDevices(config), hooks.inputStreams(config)))
                .toList();
    }

    @Override
    public Optional<StandaloneOptions<SndConfig>> standalone() {
        return Optional.of(StandaloneOptions.single(List.of(CONFIG), "virtio-snd", arguments -> {
            SndConfig config = arguments.value(CONFIG);
            return config == null ? SndConfig.defaults() : config;
        }));
    }

    @Override
    public Placement placement(SndConfig config) {
        return config.placement().placement();
    }

    @Override
    public String label(int index) {
        return SndParameters.label(index);
    }

    @Override
    public SandboxProfile sandbox(SndConfig config) {
        return switch (config.backend()) {
            case FILE -> SandboxProfile.of("preadv", "pwritev", "sched_setscheduler");
            case PULSE ->
                new SandboxProfile(
                        List.of("socket", "connect", "readv", "writev", "sched_setscheduler"),
                        List.of(server(config, 0).socket()),
                        false);
            case NULL, CRAS, AAUDIO -> SandboxProfile.of("sched_setscheduler");
        };
    }

    private static PulseServer server(SndConfig config, int index) {
        String sink = config.sink();
        String source = config.source();
        return PulseServer.find(
                config.server(),
                sink == null ? "" : sink,
                source == null ? "" : source,
                clientId(index),
                System.getenv());
    }

    private static String clientId(int index) {
        return index == 0 ? CLIENT : CLIENT + "-" + index;
    }

    /** Opens files. A sound server has nothing that could be opened once: it may come and go. */
    @Override
    public HostResources open(SndConfig config, int index, VmFacts vm) {
        SndHooks.ofProduct().card(new SndHooks.Card(clientId(index), index));
        return switch (config.backend()) {
            case FILE -> openFiles(config);
            case PULSE -> new HostResources(server(config, index));
            case NULL, CRAS, AAUDIO -> new HostResources();
        };
    }

    private static HostResources openFiles(SndConfig config) {
        List<Played> playback = new ArrayList<>();
        List<Captured> capture = new ArrayList<>();
        List<Fd> opened = new ArrayList<>();
        try {
            Path to = config.playbackPath();
            for (int i = 0; i < config.outputs() && to != null; i++) {
                Container container = FileBackend.isSingle(to) ? Container.WAV : config.container();
                Path path = FileBackend.playbackPath(to, container, i);
                opened.add(FileBackend.openPlayback(path, container, config.playbackSize()));
                playback.add(new Played(path.toString(), container));
            }
            Path from = config.capturePath();
            for (int i = 0; i < config.inputs() && from != null; i++) {
                Path path = FileBackend.capturePath(from, i);
                Fd file = FileBackend.openCapture(path);
                opened.add(file);
                boolean isWav = Container.of(path) == Container.WAV;
                capture.add(new Captured(path.toString(), isWav ? WavFormat.read(file, path.toString()) : null));
            }
        } catch (VmmException e) {
            opened.forEach(Fd::close);
            throw new VmmException("virtio-snd: " + e.getMessage(), e);
        }
        HostResources resources = new HostResources(new SoundFiles(playback, capture));
        for (int i = 0; i < opened.size(); i++) {
            resources.with("file" + i, opened.get(i));
        }
        return resources;
    }

    @Override
    public VirtioDevice create(SndConfig config, int index, HostResources resources, VmFacts vm) {
        SndParameters parameters = new SndParameters(config, index, clientId(index));
        return new SndDevice(parameters, backend(parameters, resources));
    }

    private static SoundBackend backend(SndParameters parameters, HostResources resources) {
        SndConfig config = parameters.config();
        SoundBackend backend = switch (config.backend()) {
            case FILE -> files(parameters, resources);
            case PULSE -> new PulseBackend(resources.description(PulseServer.class), parameters.label());
            case NULL, CRAS, AAUDIO -> new NullBackend();
        };
        return config.capture() ? backend : new DeafBackend(backend);
    }

    private static SoundBackend files(SndParameters parameters, HostResources resources) {
        SndConfig config = parameters.config();
        FileBackend backend = new FileBackend(parameters.label(), config.pace() == SndPace.CLOCK);
        SoundFiles files = resources.description(SoundFiles.class);
        int descriptor = 0;
        for (Played file : files.playback()) {
            Fd fd = resources.take("file" + descriptor++);
            backend.play(file.name(), fd, file.container(), config.playbackSize());
        }
        for (Captured file : files.capture()) {
            Fd fd = resources.take("file" + descriptor++);
            backend.capture(file.name(), fd, file.wav());
        }
        return backend;
    }

    @Override
    public List<ControlVerb> verbs() {
        return List.of(SndCommand.VERB);
    }
}
