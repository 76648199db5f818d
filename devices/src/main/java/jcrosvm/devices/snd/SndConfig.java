package jcrosvm.devices.snd;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.Help;
import jcrosvm.config.Range;
import jcrosvm.config.SnakeKeys;
import jcrosvm.sound.file.Container;
import jcrosvm.sound.file.FileBackend;
import jcrosvm.virtio.DeviceConfig;
import org.jspecify.annotations.Nullable;

/**
 * {@code --virtio-snd}: a sound card.
 *
 * @param capture whether input streams capture; otherwise they are silent
 * @param backend what streams are connected to
 * @param numOutputDevices PCM devices that play
 * @param numInputDevices PCM devices that capture
 * @param numOutputStreams streams of each
 * @param numInputStreams streams of each
 * @param playbackPath folder for what is played, or a WAV file
 * @param playbackSize bytes of what is played that are kept, of each stream
 * @param outputDeviceConfig what is special about each PCM device that plays
 * @param inputDeviceConfig what is special about each PCM device that captures
 * @param cardIndex number of the card; the position among the options takes its place
 * @param unmapGuestMemoryOnFork of no effect: no process of ours is forked
 * @param capturePath file to capture from, or folder of such files
 * @param container what samples are wrapped in when they are played into a folder
 * @param pace how fast samples move into files and out of them
 * @param server PulseAudio's socket; absent: as the environment says
 * @param sink to play to; absent: the server's default
 * @param source to capture from; absent: the server's default
 * @param formats which formats and rates the card announces
 * @param placement where the card lives
 */
@SnakeKeys
public record SndConfig(
        @Help("input streams capture instead of being silent")
        boolean capture,

        @Help(value = "what streams are connected to", argument = "null|file|pulse")
        SndBackend backend,

        @Range(max = MOST_DEVICES) @Help("PCM devices that play")
        int numOutputDevices,

        @Range(max = MOST_DEVICES) @Help("PCM devices that capture")
        int numInputDevices,

        @Range(max = MOST_STREAMS) @Help("streams of each") int numOutputStreams,

        @Range(max = MOST_STREAMS) @Help("streams of each") int numInputStreams,

        @Help("folder for what is played, or a WAV file") @Nullable
        Path playbackPath,

        @Help("bytes that are kept of each stream") long playbackSize,
        @Help("[effects=[...]] of each device") List<PcmDeviceConfig> outputDeviceConfig,
        @Help("the same") List<PcmDeviceConfig> inputDeviceConfig,

        @Range(max = Integer.MAX_VALUE) @Help("replaced by the card's position")
        int cardIndex,

        @Help("no effect") boolean unmapGuestMemoryOnFork,

        @Help("file to capture from, or folder of such") @Nullable
        Path capturePath,

        @Help("of what is played into a folder") Container container,
        @Help("of files") SndPace pace,

        @Help(value = "PulseAudio's socket (default: the environment's)", argument = "PATH") @Nullable
        String server,

        @Help(value = "to play to", argument = "NAME") @Nullable
        String sink,

        @Help(value = "to capture from", argument = "NAME") @Nullable
        String source,

        @Help("announced, as far as the backend takes them") SndFormats formats,
        @Help("where the card lives") SndPlacement placement)
        implements DeviceConfig {
    static final int MOST_DEVICES = 16;
    static final int MOST_STREAMS = 16;
    private static final int MOST_STREAMS_OF_CARD = 64;

    public SndConfig {
        outputDeviceConfig = List.copyOf(outputDeviceConfig);
        inputDeviceConfig = List.copyOf(inputDeviceConfig);
    }

    public static SndConfig defaults() {
        return new SndConfig(
                false,
                SndBackend.NULL,
                1,
                1,
                1,
                1,
                null,
                0,
                List.of(),
                List.of(),
                0,
                false,
                null,
                Container.RAW,
                SndPace.CLOCK,
                null,
                null,
                null,
                SndFormats.CROSVM,
                SndPlacement.THREAD);
    }

    /** A card whose streams are files. */
    public static SndConfig file(@Nullable Path playbackPath, long playbackSize, @Nullable Path capturePath) {
        SndConfig usual = defaults();
        return new SndConfig(
                capturePath != null,
                SndBackend.FILE,
                usual.numOutputDevices,
                usual.numInputDevices,
                usual.numOutputStreams,
                usual.numInputStreams,
                playbackPath,
                playbackSize,
                usual.outputDeviceConfig,
                usual.inputDeviceConfig,
                usual.cardIndex,
                usual.unmapGuestMemoryOnFork,
                capturePath,
                usual.container,
                usual.pace,
                usual.server,
                usual.sink,
                usual.source,
                usual.formats,
                usual.placement);
    }

    /**
     * The same with other PCM devices that capture.
     *
     * @param devices 0 for as many as there are
     * @param streams of each, 0 for as many as there are
     */
    SndConfig withInputs(int devices, int streams) {
        return new SndConfig(
                capture,
                backend,
                numOutputDevices,
                devices == 0 ? numInputDevices : devices,
                numOutputStreams,
                streams == 0 ? numInputStreams : streams,
                playbackPath,
                playbackSize,
                outputDeviceConfig,
                inputDeviceConfig,
                cardIndex,
                unmapGuestMemoryOnFork,
                capturePath,
                container,
                pace,
                server,
                sink,
                source,
                formats,
                placement);
    }

    int outputs() {
        return numOutputDevices * numOutputStreams;
    }

    int inputs() {
        return numInputDevices * numInputStreams;
    }

    @Override
    public void validate() {
        switch (backend) {
            case CRAS, AAUDIO ->
                throw new VmmException("virtio-snd: backend '" + (backend == SndBackend.CRAS ? "cras" : "aaudio")
                        + "' is not there on this host; use pulse, file or null");
            case NULL, FILE, PULSE -> {}
        }
        checkRange("num_output_devices", numOutputDevices, MOST_DEVICES);
        checkRange("num_input_devices", numInputDevices, MOST_DEVICES);
        checkRange("num_output_streams", numOutputStreams, MOST_STREAMS);
        checkRange("num_input_streams", numInputStreams, MOST_STREAMS);
        if (outputs() + inputs() == 0) {
            throw new VmmException("virtio-snd: the card has no stream: num_output_devices, num_output_streams,"
                    + " num_input_devices or num_input_streams must be more");
        }
        if (outputs() + inputs() > MOST_STREAMS_OF_CARD) {
            throw new VmmException("virtio-snd: the card has " + (outputs() + inputs()) + " streams, more than "
                    + MOST_STREAMS_OF_CARD);
        }
        if (backend != SndBackend.PULSE && (server != null || sink != null || source != null)) {
            throw new VmmException("virtio-snd: server, sink and source need backend=pulse");
        }
        if (backend != SndBackend.FILE
                && (capturePath != null || container != Container.RAW || pace != SndPace.CLOCK)) {
            throw new VmmException("virtio-snd: capture_path, container and pace need backend=file");
        }
        if (capturePath != null && !capture) {
            throw new VmmException("virtio-snd: capture_path needs capture=true");
        }
        if (backend == SndBackend.FILE && playbackPath != null && FileBackend.isSingle(playbackPath) && outputs() > 1) {
            throw new VmmException("virtio-snd: playback_path=" + playbackPath + " is one file, and the card plays "
                    + outputs() + " streams: name a folder, with container=wav");
        }
    }

    private static void checkRange(String key, int value, int most) {
        if (value < 0 || value > most) {
            throw new VmmException("virtio-snd: " + key + "=" + value + " is not within 0 to " + most);
        }
    }
}
