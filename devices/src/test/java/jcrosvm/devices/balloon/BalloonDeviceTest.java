package jcrosvm.devices.balloon;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.OsException;
import jcrosvm.base.VmmException;
import jcrosvm.config.ConfigException;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.memory.WriteListener;
import jcrosvm.testkit.MockDriver;
import jcrosvm.testkit.MockQueue;
import jcrosvm.virtio.VirtioFeatures;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(MockDriver.Host.class)
class BalloonDeviceTest {
    private static final long MEMORY = 64 << 20;
    private static final long PAGE = 4096;
    private static final long ALL = VirtioFeatures.RINGS
            | BalloonDevice.VIRTIO_BALLOON_F_MUST_TELL_HOST
            | BalloonDevice.VIRTIO_BALLOON_F_STATS_VQ
            | BalloonDevice.VIRTIO_BALLOON_F_DEFLATE_ON_OOM
            | BalloonDevice.VIRTIO_BALLOON_F_PAGE_REPORTING;

    private final MockDriver.Host host;
    private final MockDriver driver;

    BalloonDeviceTest(MockDriver.Host host) {
        this.host = host;
        driver = new MockDriver(host, new BalloonDevice(new BalloonConfig(true, 0), MEMORY, 0), ALL);
    }

    @AfterEach
    void close() {
        driver.close();
    }

    private static byte[] frames(long... pages) {
        ByteBuffer out = ByteBuffer.allocate(4 * pages.length).order(ByteOrder.LITTLE_ENDIAN);
        for (long page : pages) {
            out.putInt((int) page);
        }
        return out.array();
    }

    private static byte[] stats(long... tagsAndValues) {
        ByteBuffer out = ByteBuffer.allocate(5 * tagsAndValues.length).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < tagsAndValues.length; i += 2) {
            out.putShort((short) tagsAndValues[i]).putLong(tagsAndValues[i + 1]);
        }
        return out.array();
    }

    private CompletableFuture<String> ask(String json) {
        return new BalloonModule()
                .verbs()
                .getFirst()
                .perform(JsonReader.parse(json), Map.of(0, driver.device()))
                .thenApply(JsonWriter::compact)
                .toCompletableFuture();
    }

    private CompletableFuture<String> adjust(long bytes, boolean wait) {
        return ask("{\"Adjust\":{\"num_bytes\":" + bytes + ",\"wait_for_success\":" + wait + "}}");
    }

    private void actual(long pages) {
        driver.device().writeConfig(4, frames(pages));
    }

    private long target() {
        return ByteBuffer.wrap(driver.config()).order(ByteOrder.LITTLE_ENDIAN).getInt();
    }

    @Test
    void inflatedPagesAreGivenBackAndReadAsZero() {
        MockQueue inflate = driver.start(0, 16);
        long base = driver.allocate(16 * PAGE, PAGE);
        driver.memory().fill(base, 16 * PAGE, (byte) 7);
        long first = base / PAGE;
        long[] told = new long[2];
        WriteListener listener = (address, length) -> {
            if (address >= base && address < base + 16 * PAGE) {
                told[0]++;
                told[1] += length;
            }
        };
        driver.memory().addWriteListener(listener);
        inflate.perform(inflate.readable(frames(first + 3, first + 1, first + 2, first + 9, first + 2)));
        driver.memory().removeWriteListener(listener);
        for (int i = 0; i < 16; i++) {
            boolean isGone = i >= 1 && i <= 3 || i == 9;
            assertThat(driver.memory().getByte(base + i * PAGE + 5)).isEqualTo((byte) (isGone ? 0 : 7));
        }
        assertThat(told).containsExactly(2, 4 * PAGE); // neighbours together
    }

    @Test
    void pagesThatAreNotRamAreLeftOut() {
        MockQueue inflate = driver.start(0, 16);
        MockQueue deflate = driver.start(1, 16);
        long page = driver.allocate(PAGE, PAGE);
        driver.memory().fill(page, PAGE, (byte) 7);
        inflate.perform(inflate.readable(frames(0xffffffffL, MEMORY / PAGE, page / PAGE, 0x80000000L)));
        assertThat(driver.memory().getByte(page)).isZero();
        inflate.perform(inflate.readable(new byte[3]));
        deflate.perform(deflate.readable(frames(0xffffffffL, 1)));
        assertThat(driver.failed()).isFalse();
    }

    @Test
    void reportedPagesAreGivenBack() {
        MockQueue reports = driver.start(3, 16);
        long page = driver.allocate(4 * PAGE, PAGE);
        driver.memory().fill(page, 4 * PAGE, (byte) 7);
        reports.perform(
                new MockQueue.Buffer(page, (int) PAGE, true),
                new MockQueue.Buffer(page + 2 * PAGE - 1, (int) PAGE + 2, true));
        for (int i = 0; i < 4; i++) { // whole pages only
            assertThat(driver.memory().getByte(page + i * PAGE)).isEqualTo((byte) (i % 2 == 0 ? 0 : 7));
        }
    }

    @Test
    void waitsUntilTheGuestHasTheSize() throws Exception {
        assertThatThrownBy(() -> adjust(PAGE, false))
                .isInstanceOf(OsException.class)
                .hasMessageContaining("ENOTCONN");
        driver.start(0, 16);
        assertThat(adjust(8 * PAGE + 1, false).join()).isEqualTo("\"Ok\"");
        assertThat(target()).isEqualTo(8);
        assertThat(driver.configChanges().tryAcquire(20, TimeUnit.SECONDS)).isTrue();
        adjust(Long.MAX_VALUE, false);
        assertThat(target()).isEqualTo(MEMORY / PAGE);
        CompletableFuture<String> first = adjust(4 * PAGE, true);
        actual(3);
        assertThat(first).isNotDone();
        CompletableFuture<String> second = adjust(6 * PAGE, true);
        assertThat(first.join()).isEqualTo("{\"ErrString\":\"Adjust overriden\"}");
        actual(4);
        assertThat(second).isNotDone();
        actual(6);
        assertThat(second.join()).isEqualTo("\"Ok\"");
        assertThat(adjust(6 * PAGE, true).join()).isEqualTo("\"Ok\"");
        CompletableFuture<String> third = adjust(7 * PAGE, true);
        driver.device().reset();
        assertThatThrownBy(third::join).hasMessageContaining("ENOTCONN");
    }

    /** Clients may ask and go, as often as they like, while the driver does not answer. */
    @Test
    void onlySoManyWaitForStatistics() {
        driver.start(0, 16);
        driver.start(2, 16);
        List<CompletableFuture<String>> asked = new ArrayList<>();
        for (int i = 0; i < 5000; i++) {
            asked.add(ask("\"Stats\""));
        }
        assertThatThrownBy(asked.getLast()::join).hasMessageContaining("EBUSY");
        assertThat(asked.stream().filter(reply -> !reply.isDone())).hasSizeLessThanOrEqualTo(1024);
        driver.device().reset();
        assertThat(asked).allMatch(CompletableFuture::isCompletedExceptionally);
    }

    @Test
    void statisticsAreAskedForAndTold() {
        assertThatThrownBy(() -> ask("\"Stats\"")).hasMessageContaining("ENOTCONN");
        driver.start(0, 16);
        MockQueue queue = driver.start(2, 16);
        actual(5);
        queue.submit(queue.readable(stats(4, 111)));
        queue.kick();
        for (int i = 0; i < 20; i++) {
            CompletableFuture<String> reply = ask("\"Stats\"");
            queue.await(); // it comes back to be filled anew
            queue.submit(queue.readable(stats(4, i, 0, -1, 99, 5, 5, 1L << 40)));
            queue.kick();
            assertThat(reply.join())
                    .isEqualTo("{\"BalloonStats\":{\"stats\":{\"swap_in\":18446744073709551615,\"swap_out\":null,"
                            + "\"major_faults\":null,\"minor_faults\":null,\"free_memory\":" + i
                            + ",\"total_memory\":1099511627776,\"available_memory\":null,\"disk_caches\":null,"
                            + "\"hugetlb_allocations\":null,\"hugetlb_failures\":null,\"shared_memory\":null,"
                            + "\"unevictable_memory\":null},\"balloon_actual\":20480}}");
        }
        CompletableFuture<String> lost = ask("\"Stats\"");
        queue.await();
        queue.stop();
        driver.device().reset();
        assertThatThrownBy(lost::join).hasMessageContaining("ENOTCONN");
    }

    @Test
    void sizeGoesOnElsewhere() {
        driver.start(0, 16);
        adjust(8 * PAGE, false);
        actual(5);
        driver.device().stopQueue(0);
        byte[] state = driver.device().saveState();
        BalloonDevice other = new BalloonDevice(new BalloonConfig(true, 0), MEMORY, 0);
        try (MockDriver second = new MockDriver(host, other, ALL)) {
            second.device().restoreState(state);
            assertThat(second.config()).isEqualTo(driver.config());
            assertThat(second.device().saveState()).isEqualTo(state);
            assertThatThrownBy(() -> second.device().restoreState(new byte[7]))
                    .isInstanceOf(VmmException.class)
                    .hasMessage(host.refusedState("a state of 7 bytes is not of a balloon"));
        }
    }

    @Test
    void badRequestsOfTheControlSocketAreRefused() {
        driver.start(0, 16);
        for (String bad : List.of(
                "5",
                "\"Statss\"",
                "{}",
                "{\"Adjust\":5}",
                "{\"Adjust\":{}}",
                "{\"Adjust\":{\"num_bytes\":-1}}",
                "{\"Adjust\":{\"num_bytes\":\"1\"}}",
                "{\"Adjust\":{\"num_bytes\":1,\"x\":1}}")) {
            assertThatThrownBy(() -> ask(bad)).as(bad).isInstanceOf(ConfigException.class);
        }
        assertThatThrownBy(() -> ask("\"WorkingSet\"")).hasMessageContaining("ENOTSUP");
    }

    @Test
    void survivesWhateverTheDriverSays() {
        Random random = new Random(5);
        MockQueue inflate = driver.start(0, 64);
        long free = driver.allocate(1 << 20, PAGE) / PAGE;
        for (int i = 0; i < 500; i++) {
            long[] pages = new long[random.nextInt(100)];
            for (int j = 0; j < pages.length; j++) {
                pages[j] = random.nextBoolean() ? free + random.nextInt(256) : random.nextInt() | 0x80000000;
            }
            inflate.perform(inflate.readable(frames(pages)));
            byte[] noise = new byte[random.nextInt(20)];
            random.nextBytes(noise);
            driver.device().writeConfig(random.nextInt(20), noise);
        }
        assertThat(driver.failed()).isFalse();
        inflate.submit(inflate.readable(new byte[2 << 20]));
        inflate.kick();
        assertThatThrownBy(inflate::await).hasMessageContaining("failed");
    }
}
