package jcrosvm.devices.snd;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import jcrosvm.config.KeyValueParser;
import jcrosvm.config.RecordBinder;
import jcrosvm.testkit.MockQueue;
import jcrosvm.testkit.MockQueue.Buffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The card's thread allocates nothing for a period, with files or with the clock alone. */
class SndAllocationTest {
    private static final int PERIOD = 512;
    private static final int PERIODS = 20_000;
    private static final int CLOCK_PERIODS = 400;
    /** The JIT compiler needs some of them until what is not needed is not allocated. */
    private static final int MOST_RUNS = 100;

    @TempDir
    private Path dir;

    @Test
    void periodsAreMovedWithoutAllocation() throws Exception {
        Path in = Files.write(dir.resolve("in.raw"), new byte[100_000]);
        String text =
                "backend=file,capture,pace=off,playback_size=1000000,playback_path=" + dir + ",capture_path=" + in;
        check(text, PERIODS, 3);
    }

    /** With timers: a period of a millisecond, the shortest. */
    @Test
    void timersAllocateNothing() {
        check("backend=null", CLOCK_PERIODS, 8);
    }

    /** @param most bytes for each period */
    private static void check(String text, int periods, int most) {
        SndConfig config = RecordBinder.bind(KeyValueParser.parse(text), SndConfig.class);
        try (SndDriver driver = new SndDriver(SndDriver.Host.LOCAL, config)) {
            for (int stream = 0; stream < 2; stream++) {
                assertThat(driver.setParameters(stream, 8 * PERIOD, PERIOD, 0, 2, SndDriver.S16, SndDriver.HZ_48000))
                        .isEqualTo(0x8000);
                driver.prepare(stream);
                driver.start(stream);
            }
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long worker = Thread.getAllStackTraces().keySet().stream()
                    .filter(thread -> thread.getName().equals("snd0"))
                    .findFirst()
                    .orElseThrow()
                    .threadId();
            long least = Long.MAX_VALUE;
            for (int run = 0; run < MOST_RUNS && least > (long) most * periods; run++) {
                long before = threads.getThreadAllocatedBytes(worker);
                stream(driver, periods);
                least = Math.min(least, threads.getThreadAllocatedBytes(worker) - before);
            }
            assertThat(least).as("bytes for %d periods", periods).isLessThanOrEqualTo((long) most * periods);
        }
    }

    private static void stream(SndDriver driver, int periods) {
        MockQueue transmit = driver.transmit;
        MockQueue receive = driver.receive;
        Buffer out = transmit.readable(SndDriver.words(0));
        Buffer in = receive.readable(SndDriver.words(1));
        Buffer samples = transmit.readable(new byte[PERIOD]);
        Buffer room = receive.writable(PERIOD);
        Buffer status = transmit.writable(8);
        for (int done = 0, sent = 0; done < periods; ) {
            for (; sent < periods && sent - done < 4; sent++) {
                transmit.submit(out, samples, status);
                receive.submit(in, room, status);
            }
            transmit.kickIfWanted();
            receive.kickIfWanted();
            done += transmit.await().size();
            receive.poll();
        }
        while (receive.inFlight() > 0) {
            receive.await();
        }
        transmit.free(out, samples, status);
        receive.free(in, room);
    }
}
