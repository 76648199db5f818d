package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import jcrosvm.devices.snd.SndConfig;
import jcrosvm.devices.snd.SndPlacement;
import jcrosvm.guest.DebianKernel;
import jcrosvm.guest.Guests;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Linux's sound driver and ALSA's programs on our card, whose backend is behind vhost-user: in a thread or a process. */
@Tag("soft")
class SoftSoundTest {
    /** One second of 48 kHz, 16 bits, stereo. */
    private static final int SECOND = 192_000;
    /** A quarter of it: the first of the file is silent. */
    private static final int PERIOD = 48_000;

    @TempDir
    private Path directory;

    /** As crosvm's own test plays it, then the driver comes anew and records. */
    @ParameterizedTest
    @EnumSource(SndPlacement.class)
    void playsAndRecordsToTheByte(SndPlacement placement) throws Exception {
        Path tree = Guests.ofUser(line -> {}).programs("sound", "bookworm", "amd64", List.of("alsa-utils"));
        byte[] voice = VirtioScenes.noise(5, 2 * SECOND);
        Files.write(directory.resolve("stream-0.in"), voice);
        String options = "backend=file,playback_path=" + directory + ",playback_size=400000,capture=true,capture_path="
                + directory + ",placement=" + placement.name().toLowerCase(Locale.ROOT);
        String script = VirtioScenes.PROGRAMS + """
                head -c 192000 /srv/usr/bin/aplay >/srv/tmp/played
                while [ "$(wc -c </srv/tmp/played)" -lt 192000 ]; do cat /srv/usr/bin/aplay >>/srv/tmp/played; done
                head -c 192000 /srv/tmp/played >/srv/tmp/samples
                mark "SAMPLES $(sha256sum </srv/tmp/samples)"
                deb aplay -q -t raw -D hw:0,0 -f S16_LE -r 48000 -c 2 --buffer-size=48000 --period-size=12000 /tmp/samples
                mark "PLAYED $?"
                driver=/sys/bus/virtio/drivers/virtio_snd
                card=$(basename $driver/virtio*)
                echo $card >$driver/unbind; echo $card >$driver/bind
                mark "BOUND $?"
                deb arecord -q -t raw -D hw:0,0 -f S16_LE -r 48000 -c 2 -d 1 /tmp/voice
                mark "RECORDED $? $(wc -c </srv/tmp/voice) $(sha256sum </srv/tmp/voice)"
                """;
        try (GuestSession guest = new GuestSession(
                directory,
                DebianKernel.GENERIC_6_12,
                script,
                image -> image.modules("virtio_pci", "virtio_snd").tree("/srv", tree),
                builder -> builder.cpus(1)
                        .memoryMib(1024)
                        .hypervisor(new HypervisorConfig("soft", null, null))
                        .device(VirtioScenes.device(SndConfig.class, options)))) {
            assertThat(guest.awaitEnd()).as(guest.output()).isEqualTo(VmExit.STOP);
            assertThat(guest.awaitMarker("PLAYED")).as(guest.output()).isEqualTo("0");
            assertThat(guest.awaitMarker("BOUND")).as(guest.output()).isEqualTo("0");
            byte[] file = Files.readAllBytes(directory.resolve("stream-0.out"));
            assertThat(guest.awaitMarker("SAMPLES"))
                    .as(guest.output())
                    .startsWith(VirtioScenes.sha256(Arrays.copyOfRange(file, PERIOD, PERIOD + SECOND)));
            assertThat(guest.awaitMarker("RECORDED"))
                    .as(guest.output())
                    .startsWith("0 192000 " + VirtioScenes.sha256(Arrays.copyOf(voice, SECOND)));
        }
    }
}
