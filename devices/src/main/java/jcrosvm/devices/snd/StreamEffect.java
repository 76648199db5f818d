package jcrosvm.devices.snd;

import jcrosvm.config.Alias;

/** What the host does to a stream's samples. */
public enum StreamEffect {
    @Alias("NoEffect")
    NO_EFFECT,
    /** What is played is taken out of what is captured, where the host can. */
    @Alias({"EchoCancellation", "aec"})
    ECHO_CANCELLATION
}
