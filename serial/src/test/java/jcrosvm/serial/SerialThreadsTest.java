package jcrosvm.serial;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jcrosvm.base.io.Fd;
import jcrosvm.base.io.ThreadScope;
import org.junit.jupiter.api.Test;

/** What a device throws on a port's own threads is told to the VM. */
class SerialThreadsTest {
    private final CountDownLatch told = new CountDownLatch(1);
    private final ThreadScope scope = new ThreadScope((thread, error) -> told.countDown());

    @Test
    void ofTheInput() throws InterruptedException {
        Fd zeros = Fd.open(Path.of("/dev/zero"), Fd.O_RDONLY);
        try (SerialInput input = scope.call(() -> new SerialInput("port", zeros, (bytes, offset, length, wait) -> {
            throw new IllegalStateException("test");
        }))) {
            input.start();
            assertThat(told.await(20, TimeUnit.SECONDS)).isTrue();
            input.suspend(); // does not wait for a thread that has ended
        }
    }

    @Test
    void ofTheOutput() throws InterruptedException {
        Fd sink = Fd.open(Path.of("/dev/null"), Fd.O_WRONLY);
        OutputWriter.Format plain = new OutputWriter.Format(false, false, false);
        try (SerialOutput output = scope.call(() -> new SerialOutput("port", "null", sink, plain))) {
            output.onRoom(() -> {
                throw new IllegalStateException("test");
            });
            output.put(new byte[2 * SerialOutput.CONGESTED], 0, 2 * SerialOutput.CONGESTED);
            assertThat(told.await(20, TimeUnit.SECONDS)).isTrue();
        }
    }
}
