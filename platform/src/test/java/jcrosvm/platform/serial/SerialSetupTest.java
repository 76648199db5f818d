package jcrosvm.platform.serial;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.serial.SerialConfig;
import jcrosvm.serial.SerialConfig.Hardware;
import jcrosvm.serial.SerialConfig.Type;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SerialSetupTest {
    /** Options by word, as on the command line. */
    private static SerialConfig config(String options) {
        return SerialConfig.defaults().with(to -> {
            for (String option : options.isEmpty() ? new String[0] : options.split(" ")) {
                String[] parts = option.split("=", 2);
                String v = parts.length > 1 ? parts[1] : "";
                switch (parts[0]) {
                    case "type" -> to.type = Type.valueOf(v);
                    case "hardware" -> to.hardware = Hardware.valueOf(v);
                    case "num" -> to.num = Integer.parseInt(v);
                    case "path" -> to.path = Path.of(v);
                    case "input" -> to.input = Path.of(v);
                    case "stdin" -> to.stdin = true;
                    case "console" -> to.console = true;
                    case "earlycon" -> to.earlycon = true;
                    case "input-unix-stream" -> to.inputUnixStream = true;
                    case "name" -> to.name = v;
                    case "debugcon-port" -> to.debugconPort = Integer.decode(v);
                    case "pci" -> to.pciAddress = v;
                    case "queues" ->
                        to.maxQueueSizes = java.util.Arrays.stream(v.split(":"))
                                .map(Integer::valueOf)
                                .toList();
                    default -> throw new IllegalArgumentException(option);
                }
            }
        });
    }

    private static SerialSetup setup(String... options) {
        return SerialSetup.of(
                java.util.Arrays.stream(options).map(SerialSetupTest::config).toList());
    }

    @Test
    void aloneComOneIsTheTerminal() {
        SerialSetup setup = setup();
        assertThat(setup.ports()).hasSize(4);
        assertThat(setup.ports().get(0)).isEqualTo(SerialConfig.standardConsole(true));
        assertThat(setup.ports().get(3)).isEqualTo(SerialConfig.sink(4));
        assertThat(setup.kernelParameters()).containsExactly("console=ttyS0");
    }

    @Test
    void comOneStaysTheConsoleBesideOthers() {
        SerialSetup setup = setup("num=2 type=STDOUT stdin");
        assertThat(setup.ports().get(0)).isEqualTo(SerialConfig.standardConsole(false));
        assertThat(setup.ports().get(1).stdin()).isTrue();
    }

    @Test
    void aConfiguredComOneIsNotReplaced() {
        assertThat(setup("num=1").kernelParameters()).isEmpty();
        assertThat(setup("num=3 console").ports().get(0)).isEqualTo(SerialConfig.sink(1));
    }

    @Test
    void tellsTheKernel() {
        assertThat(setup("num=4 console", "num=2 console earlycon").kernelParameters())
                .containsExactly("console=ttyS1", "earlycon=uart8250,io,0x2f8", "console=ttyS3");
    }

    @Test
    void virtioConsolesAreDevicesOfAnotherBus() {
        SerialSetup setup = setup("hardware=VIRTIO_CONSOLE type=STDOUT console stdin");
        assertThat(setup.ports().getFirst()).isEqualTo(SerialConfig.sink(1));
        assertThat(setup.kernelParameters()).isEmpty();
        SerialSetup beside = setup("hardware=VIRTIO_CONSOLE num=9 stdin");
        assertThat(beside.ports().getFirst()).isEqualTo(SerialConfig.standardConsole(false));
        assertThatThrownBy(() -> setup("hardware=VIRTIO_CONSOLE", "hardware=LEGACY_VIRTIO_CONSOLE"))
                .hasMessage("legacy-virtio-console 1 is given twice");
    }

    @Test
    void debugconsHavePorts() {
        SerialSetup setup = setup("hardware=DEBUGCON num=7 type=STDOUT", "hardware=DEBUGCON debugcon-port=0xe9");
        assertThat(setup.debugcons()).extracting(SerialConfig::debugconPort).containsExactly(0xe9, 0x402);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "hardware=VIRTIO_CONSOLE earlycon | virtio-console 1: earlycon needs hardware=serial",
                "hardware=VIRTIO_CONSOLE num=0 | virtio-console 0: num must be 1 or more, not 0",
                "hardware=VIRTIO_CONSOLE queues=128:100 | virtio-console 1: max-queue-sizes must be powers of two from 2 to 32768, not 100",
                "hardware=VIRTIO_CONSOLE queues=128 | virtio-console 1: max-queue-sizes needs 2 sizes, of the receive and the transmit queue, not 1",
                "pci=00:09.0 | serial 1: pci-address needs hardware=virtio-console",
                "num=5 | serial 5: num must be 1 to 4, not 5",
                "num=0 | serial 0: num must be 1 to 4, not 0",
                "hardware=DEBUGCON num=0 | debugcon 0: num must be 1 or more, not 0",
                "type=FILE | serial 1: type=file needs a path",
                "type=UNIX_STREAM | serial 1: type=unix-stream needs a path",
                "stdin input=/x | serial 1: only one of stdin and input can be given",
                "type=UNIX_STREAM path=/s stdin input-unix-stream | serial 1: only one of stdin, input and input-unix-stream can be given",
                "hardware=DEBUGCON earlycon | debugcon 1: earlycon needs hardware=serial",
                "hardware=DEBUGCON stdin | debugcon 1: a debugcon has no input",
                "hardware=DEBUGCON debugcon-port=65536 | debugcon 1: debugcon-port 65536 is above 65535",
            })
    void refuses(String options, String message) {
        assertThatThrownBy(() -> config(options).validate())
                .isInstanceOf(VmmException.class)
                .hasMessage(message);
    }

    /** As crosvm does. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "type=SYSLOG path=/x",
                "path=/x",
                "type=STDOUT path=/x",
                "input-unix-stream",
                "input-unix-stream stdin",
                "type=FILE path=/x input-unix-stream",
                "queues=128:100",
                "debugcon-port=1",
                "name=x"
            })
    void ignoresWhatHasNoUse(String options) {
        SerialConfig config = config(options);
        config.validate();
        assertThat(setup(options).ports().getFirst()).isEqualTo(config);
    }

    @Test
    void refusesContradictions() {
        assertThatThrownBy(() -> setup("num=2", "num=2")).hasMessage("serial 2 is given twice");
        assertThatThrownBy(() -> setup("num=2 stdin", "num=3 stdin"))
                .hasMessage("serial 3: stdin is used by serial 2 already");
        assertThatThrownBy(() -> setup("num=2 earlycon", "num=3 earlycon"))
                .hasMessage("serial 3: serial 2 is the earlycon already");
        assertThatThrownBy(() -> setup("hardware=DEBUGCON", "hardware=DEBUGCON num=2"))
                .hasMessage("debugcon 2: debugcon-port 0x402 is used by another one");
        assertThatThrownBy(() -> SerialSetup.of(List.of(config("num=9")))).isInstanceOf(VmmException.class);
    }
}
