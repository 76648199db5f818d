package jcrosvm.devices.snd;

import java.util.List;
import jcrosvm.config.Help;
import jcrosvm.config.SnakeKeys;

/**
 * What is special about one PCM device of a card.
 *
 * @param effects on its streams
 */
@SnakeKeys
public record PcmDeviceConfig(@Help("of echo-cancellation") List<StreamEffect> effects) {
    public PcmDeviceConfig {
        effects = List.copyOf(effects);
    }

    public static PcmDeviceConfig defaults() {
        return new PcmDeviceConfig(List.of());
    }
}
