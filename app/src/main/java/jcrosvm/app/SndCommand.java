package jcrosvm.app;

import java.util.Map;

/** {@code snd}: what can be asked of the sound cards of a running VM. */
final class SndCommand extends CommandGroup {
    SndCommand() {
        super("snd", "Silences the sound cards of a running VM.", Map.of("mute-all", MuteAllCommand::new));
    }
}
