package jcrosvm.platform.irqchip;

import java.util.List;
import java.util.Optional;
import jcrosvm.base.Limits;

/**
 * Registers of {@link Pit}.
 *
 * @param channels its three counters
 * @param due ticks of the next interrupt, of those that come at all
 * @param speaker whether the speaker is connected
 */
public record PitState(List<PitChannelState> channels, Optional<Long> due, boolean speaker) {
    private static final long LONGEST_COUNT = 0x10001;

    public PitState {
        channels = List.copyOf(channels);
        Limits.size("the PIT", channels.size(), Pit.CHANNELS);
        due.ifPresent(ticks ->
                Limits.range("the PIT's next interrupt", ticks, 0, PitChannelState.MOST_TICKS + LONGEST_COUNT));
    }
}
