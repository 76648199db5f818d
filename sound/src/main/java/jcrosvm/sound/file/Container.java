package jcrosvm.sound.file;

import java.nio.file.Path;
import java.util.Locale;

/** What samples are wrapped in. */
public enum Container {
    /** Nothing. */
    RAW,
    /** RIFF WAVE. */
    WAV;

    /** What a file of this name is. */
    public static Container of(Path file) {
        return String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT).endsWith(".wav") ? WAV : RAW;
    }
}
