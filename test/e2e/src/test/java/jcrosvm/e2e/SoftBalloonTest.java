package jcrosvm.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.devices.balloon.BalloonConfig;
import jcrosvm.vmm.VmExit;
import jcrosvm.vmm.config.HypervisorConfig;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Memory that comes back to the host, with Linux's balloon driver. */
@Tag("soft")
@Timeout(300)
class SoftBalloonTest {
    private static final List<String> MODULES = List.of("virtio_pci", "virtio_balloon");
    private static final long MIB = 1 << 20;
    private static final int MEMORY = 512;
    /** A quarter of the memory stays with the guest. */
    private static final long THREE_QUARTERS = MEMORY * 3 / 4 * MIB;

    @TempDir
    private Path directory;

    private GuestSession guest(String script, BalloonConfig config) {
        return VirtioScenes.plain(
                directory,
                script,
                MODULES,
                builder -> builder.cpus(2)
                        .memoryMib(MEMORY)
                        .hypervisor(new HypervisorConfig("soft", null, null))
                        .device(config));
    }

    private static CompletableFuture<String> adjust(GuestSession guest, long bytes) {
        return guest.vm()
                .perform(
                        "BalloonCommand",
                        JsonReader.parse("{\"Adjust\":{\"num_bytes\":" + bytes + ",\"wait_for_success\":true}}"))
                .thenApply(JsonWriter::compact)
                .toCompletableFuture();
    }

    /** Memory that the host spends on guests, in MiB. */
    private static long resident() throws Exception {
        long kilobytes = 0;
        boolean shared = false;
        for (String line : Files.readAllLines(Path.of("/proc/self/smaps"))) {
            if (line.matches("[0-9a-f]+-[0-9a-f]+ .*")) {
                shared = line.contains("/memfd:jcrosvm-ram"); // not that of translated code
            } else if (shared && line.startsWith("Rss:")) {
                kilobytes += Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return kilobytes >> 10;
    }

    private static void awaitBelow(long mib) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (resident() >= mib && System.nanoTime() < deadline) {
            Thread.sleep(100);
        }
        assertThat(resident()).isLessThan(mib);
    }

    /** To a quarter and back, again and again, while a program fills memory and looks whether it stays what it was. */
    @Test
    void aQuarterAndBackUnderLoad() throws Exception {
        String script = """
                mkdir /tmp/load
                mount -t tmpfs -o size=400m load /tmp/load
                fill() { for i in $(seq 1 $1); do dd if=/tmp/seed of=/tmp/load/$i bs=1M 2>/dev/null || return 1; done; }
                same() { for i in $(seq 1 $1); do cmp /tmp/seed /tmp/load/$i || return 1; done; }
                dd if=/dev/urandom of=/tmp/seed bs=1M count=4 2>/dev/null
                (while [ ! -e /tmp/end ]; do fill 8 && same 8 || mark BROKEN; rm /tmp/load/*; done; mark LOADED) &
                serve
                wait
                """;
        try (GuestSession guest = guest(script, BalloonConfig.defaults())) {
            guest.awaitMarker("SERVING");
            for (int i = 0; i < 3; i++) {
                assertThat(adjust(guest, THREE_QUARTERS).get(120, TimeUnit.SECONDS))
                        .contains("Ok");
                awaitBelow(MEMORY / 4 + 32);
                assertThat(adjust(guest, 0).get(120, TimeUnit.SECONDS)).contains("Ok");
            }
            guest.type("touch /tmp/end; wait");
            guest.awaitMarker("LOADED");
            // All of it is the guest's again.
            guest.type("fill 80 && same 80");
            assertThat(guest.awaitMarker("RAN", 2)).isEqualTo("0");
            guest.type("end");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
            assertThat(guest.output()).doesNotContain("BROKEN", "Out of memory", "oom");
        }
    }

    /** A guest that runs out of memory takes it from the balloon. */
    @Test
    void theBalloonGivesWayBeforeProgramsDie() throws Exception {
        String script = """
                mkdir /tmp/load
                mount -t tmpfs -o size=400m load /tmp/load
                serve
                """;
        try (GuestSession guest = guest(script, BalloonConfig.defaults())) {
            guest.awaitMarker("SERVING");
            adjust(guest, THREE_QUARTERS).get(120, TimeUnit.SECONDS);
            guest.type("dd if=/dev/zero of=/tmp/load/big bs=1M count=200 2>/dev/null");
            assertThat(guest.awaitMarker("RAN")).isEqualTo("0");
            guest.type("dmesg | grep -i 'killed process'");
            assertThat(guest.awaitMarker("RAN", 2)).as(guest.output()).isEqualTo("1");
            guest.type("end");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
    }

    @Test
    void freePagesAreReported() throws Exception {
        String script = """
                mkdir /tmp/load
                mount -t tmpfs -o size=400m load /tmp/load
                serve
                """;
        try (GuestSession guest = guest(script, new BalloonConfig(true, 0))) {
            guest.awaitMarker("SERVING");
            guest.type("dd if=/dev/urandom of=/tmp/load/big bs=1M count=300");
            assertThat(guest.awaitMarker("RAN")).isEqualTo("0");
            assertThat(resident()).isGreaterThan(300);
            guest.type("rm /tmp/load/big");
            guest.awaitMarker("RAN", 2);
            awaitBelow(200);
            guest.type("end");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
    }

    @Test
    void aGuestCanStartSmall() throws Exception {
        try (GuestSession guest = guest("serve", new BalloonConfig(false, 192))) {
            guest.awaitMarker("SERVING");
            guest.type(
                    "until [ $(sed -n 's/^MemAvailable: *\\([0-9]*\\).*/\\1/p' /proc/meminfo) -lt 196608 ]; do usleep 100000; done");
            assertThat(guest.awaitMarker("RAN")).isEqualTo("0");
            guest.type("end");
            assertThat(guest.awaitEnd()).isEqualTo(VmExit.STOP);
        }
    }
}
