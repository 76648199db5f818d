package jcrosvm.base;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.ResourceBundle;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LimitedLogTest {
    private final List<String> lines = new ArrayList<>();
    private long now = Long.MAX_VALUE - 5; // wraps
    private final LimitedLog log = new LimitedLog(
            new System.Logger() {
                @Override
                public String getName() {
                    return "test";
                }

                @Override
                public boolean isLoggable(Level level) {
                    return true;
                }

                @Override
                public void log(Level level, ResourceBundle bundle, String message, Throwable thrown) {
                    lines.add(level + " " + message + " " + thrown.getMessage());
                }

                @Override
                public void log(Level level, ResourceBundle bundle, String format, Object... params) {
                    lines.add(level + " " + format);
                }
            },
            () -> now);

    private List<String> take() {
        List<String> taken = List.copyOf(lines);
        lines.clear();
        return taken;
    }

    @Test
    void aFloodIsTenLinesAndThenOneAMinute() {
        for (int i = 0; i < 1000; i++) {
            log.log(System.Logger.Level.WARNING, "no");
        }
        assertThat(take().stream().filter("WARNING no"::equals)).hasSize(LimitedLog.BURST);
        now += TimeUnit.MINUTES.toNanos(1);
        log.log(System.Logger.Level.WARNING, "again");
        log.log(System.Logger.Level.WARNING, "and again");
        assertThat(take())
                .containsExactly("WARNING again (990 messages of this kind were left out)", "DEBUG and again");
        now += TimeUnit.DAYS.toNanos(1);
        for (int i = 0; i < 2 * LimitedLog.BURST; i++) {
            log.log(System.Logger.Level.ERROR, "defect", new IllegalStateException("here"));
        }
        assertThat(take().stream().filter(line -> line.startsWith("ERROR"))).hasSize(LimitedLog.BURST);
    }
}
