package jcrosvm.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import jcrosvm.base.io.Poller;
import jcrosvm.sound.NullBackend;
import jcrosvm.sound.SampleFormat;
import jcrosvm.sound.StreamParameters;
import org.junit.jupiter.api.Test;

class AudioRecordsTest {
    @Test
    void stepsAndLineAreThoseOfThePoints() {
        AudioRecords records = new AudioRecords(
                new long[] {1_000_000_000, 2_000_000_000, 4_000_000_000L, 5_000_000_000L},
                new int[] {100, 100, 100, 90},
                100);
        assertThat(records.coldStart()).isEqualTo(1_000_000_000);
        assertThat(records.mismatched()).isOne();
        AudioRecords.Steps steps = records.steps();
        assertThat(steps.min()).isEqualTo(1e9);
        assertThat(steps.max()).isEqualTo(2e9);
        assertThat(steps.average()).isCloseTo(4e9 / 3, within(1.0));
        assertThat(steps.deviation()).isCloseTo(0.4714e9, within(1e5));
        AudioRecords.Line line = records.line();
        assertThat(line.rate()).isCloseTo(68.0, within(0.01));
        assertThat(line.error()).isCloseTo(6.4614, within(0.01));
    }

    @Test
    void theClockTakesAllPeriods() {
        try (Poller poller = new Poller()) {
            AudioRecords records = AudioRecords.measure(
                    new NullBackend(),
                    new StreamParameters(0, false, SampleFormat.S16, 48_000, 2, 4 * 48, 8 * 48, false),
                    poller,
                    20);
            assertThat(records.count()).isEqualTo(20);
            assertThat(records.mismatched()).isZero();
            for (int i = 1; i < 20; i++) {
                assertThat(records.nanos(i)).isGreaterThan(records.nanos(i - 1));
            }
        }
    }
}
