package jcrosvm.devices.snd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.ArgumentReader;
import jcrosvm.config.ConfigException;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.config.RecordWriter;
import jcrosvm.config.Syntax;
import jcrosvm.virtio.DeviceModule;
import jcrosvm.virtio.Placement;
import jcrosvm.virtio.VmFacts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SndConfigTest {
    private static SndConfig config(String text) {
        return RecordBinder.bind(KeyValueParser.parse(text), SndConfig.class);
    }

    @Test
    void defaultsAreCrosvms() {
        SndConfig config = config("backend=null");
        assertThat(config).isEqualTo(SndConfig.defaults());
        assertThat(config.capture()).isFalse();
        assertThat(List.of(
                        config.numOutputDevices(),
                        config.numInputDevices(),
                        config.numOutputStreams(),
                        config.numInputStreams()))
                .containsOnly(1);
        assertThat(config.playbackSize()).isZero();
        assertThat(config.placement()).isEqualTo(SndPlacement.THREAD);
    }

    /** As crosvm's broker lets a product say what its cards capture, and tells it of them. */
    @Test
    void productsAddToCards() {
        SndModule module = new SndModule();
        Syntax syntax = new Syntax("", "", List.of(module.options()), List.of());
        List<SndConfig> cards = module.read(ArgumentReader.read(
                syntax,
                List.of(
                        "--virtio-snd",
                        "backend=pulse,source=hooked",
                        "--virtio-snd",
                        "backend=null,num_input_devices=4")));
        assertThat(cards.getFirst().numInputDevices()).isEqualTo(3);
        assertThat(cards.getFirst().numInputStreams()).isEqualTo(2);
        assertThat(cards.getLast()).isEqualTo(config("backend=null,num_input_devices=4"));
        DeviceModule.make(module, cards.getLast(), 7, new VmFacts(1, 1 << 20)).close();
        assertThat(RecordingHooks.CARDS).contains(new SndHooks.Card("jcrosvm-7", 7));
    }

    @Test
    void crosvmsKeysAreRead() {
        SndConfig config = config("capture=true,backend=file,num_output_devices=3,num_input_devices=2,"
                + "num_output_streams=4,num_input_streams=5,playback_path=/tmp,playback_size=10,card_index=2,"
                + "output_device_config=[[effects=[aec]],[effects=[]],[effects=[EchoCancellation,NoEffect]]],"
                + "input_device_config=[[effects=[aec]]],unmap_guest_memory_on_fork");
        assertThat(config.outputs()).isEqualTo(12);
        assertThat(config.inputs()).isEqualTo(10);
        assertThat(config.playbackPath()).isEqualTo(Path.of("/tmp"));
        assertThat(config.outputDeviceConfig().get(0).effects()).containsExactly(StreamEffect.ECHO_CANCELLATION);
        assertThat(config.outputDeviceConfig().get(1).effects()).isEmpty();
        assertThat(config.outputDeviceConfig().get(2).effects()).hasSize(2);
        config.validate();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "num-output-devices=1",
                "playback-path=/tmp",
                "client_type=crosvm",
                "socket_type=unified",
                "capture=none",
                "backend=winaudio",
                "output_device_config=[[effects=[reverb]]]",
                "output_device_config=[[stream_type=x]]",
                "num_output_devices=17",
                "placement=local"
            })
    void otherKeysAndValuesAreRefused(String text) {
        assertThatThrownBy(() -> config(text)).isInstanceOf(ConfigException.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "backend=cras",
                "backend=aaudio",
                "num_output_devices=0,num_input_streams=0",
                "num_output_devices=16,num_output_streams=16",
                "backend=null,capture_path=/tmp",
                "backend=file,capture_path=/tmp",
                "backend=pulse,pace=off",
                "backend=null,sink=out",
                "backend=file,playback_path=/tmp/none.wav,num_output_streams=2"
            })
    void whatDoesNotFitTogetherIsRefused(String text) {
        assertThatThrownBy(() -> config(text).validate())
                .isInstanceOf(VmmException.class)
                .hasMessageStartingWith("virtio-snd: ");
    }

    @Test
    void whatTheHostHasNotIsTold(@TempDir Path dir) {
        SndModule module = new SndModule();
        VmFacts facts = new VmFacts(1, 1 << 20);
        assertThatThrownBy(() -> module.open(SndConfig.file(dir.resolve("none"), 1, null), 0, facts))
                .isInstanceOf(VmmException.class)
                .hasMessageStartingWith("virtio-snd: cannot open " + dir + "/none/stream-0.out: No such file");
        assertThatThrownBy(() -> module.open(SndConfig.file(dir, 1, dir.resolve("none")), 0, facts))
                .hasMessageStartingWith("virtio-snd: cannot open " + dir + "/none");
        assertThatThrownBy(() -> module.open(config("backend=pulse,server=tcp:host"), 0, facts))
                .hasMessageContaining("is not on this host");
    }

    @Test
    void noCardIsLocal() {
        DeviceModule<SndConfig> module = new SndModule();
        assertThat(module.placement(config("backend=null"))).isEqualTo(Placement.THREAD);
        assertThat(module.placement(config("placement=process"))).isEqualTo(Placement.PROCESS);
    }

    @Test
    void parametersCanBeSent() {
        SndParameters parameters = new SndParameters(
                config("backend=file,capture=true,playback_path=/tmp,output_device_config=[[effects=[aec]]]"), 3, "vm");
        String text = JsonWriter.pretty(RecordWriter.write(parameters));
        assertThat(text).contains("\"num_output_devices\": 1");
        assertThat(RecordBinder.bindSaved(JsonReader.parse(text), SndParameters.class))
                .isEqualTo(parameters);
    }
}
