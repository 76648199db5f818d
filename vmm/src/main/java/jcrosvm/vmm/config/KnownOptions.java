package jcrosvm.vmm.config;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import jcrosvm.config.RefusedOptions;
import org.jspecify.annotations.Nullable;

/**
 * Options of crosvm's {@code run} that this machine cannot honour, from the resource {@code known-options.txt}: read only
 * when a word is no option of ours.
 */
public final class KnownOptions implements RefusedOptions {
    /** Its lines: names (the first, further ones and letters, with commas), {@code value} or {@code switch}, where. */
    static final String RESOURCE = "known-options.txt";

    @Override
    public @Nullable Refusal find(String name) {
        try (InputStream in = KnownOptions.class.getResourceAsStream(RESOURCE)) {
            if (in == null) {
                throw new IllegalStateException("resource " + RESOURCE + " is missing");
            }
            BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                Refusal refusal = match(line, name);
                if (refusal != null) {
                    return refusal;
                }
            }
            return null;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static @Nullable Refusal match(String line, String name) {
        int first = line.indexOf(' ');
        int second = line.indexOf(' ', first + 1);
        if (line.startsWith("#") || first < 0 || second < 0) {
            return null;
        }
        String names = line.substring(0, first);
        if (!(',' + names + ',').contains(',' + name + ',') || name.indexOf(',') >= 0) {
            return null;
        }
        int comma = names.indexOf(',');
        return new Refusal(
                comma < 0 ? names : names.substring(0, comma),
                line.substring(first + 1, second).equals("value"),
                reason(line.substring(second + 1)));
    }

    private static String reason(String where) {
        return switch (where) {
            case "arm" -> "is only for AArch64 machines";
            case "windows" -> "is only for Windows hosts";
            case "android" -> "is only for Android hosts";
            case "vios" -> "is for a VioS server of ChromeOS: use --virtio-snd";
            default -> "is not supported yet";
        };
    }
}
