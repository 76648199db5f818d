package jcrosvm.devices.net;

import java.util.regex.Pattern;
import jcrosvm.config.ConfigException;

/**
 * An Ethernet address.
 *
 * @param bits the six bytes, the first one highest
 */
public record MacAddress(long bits) {
    public static final int LENGTH = 6;

    private static final Pattern FORM = Pattern.compile("[0-9a-fA-F]{1,2}(:[0-9a-fA-F]{1,2}){5}");
    private static final long GROUP = 1L << 40;
    private static final long LOCAL = 1L << 41;

    /** @throws ConfigException unless it is six hexadecimal bytes */
    public static MacAddress parse(String text) {
        if (!FORM.matcher(text).matches()) {
            throw new ConfigException("mac '" + text + "': expected six bytes as in 02:00:00:00:00:01");
        }
        long bits = 0;
        for (String part : text.split(":", -1)) {
            bits = bits << 8 | Integer.parseInt(part, 16);
        }
        return new MacAddress(bits);
    }

    /** A locally administered address made of the low 40 bits of {@code number}. */
    public static MacAddress local(long number) {
        return new MacAddress(LOCAL | number & GROUP - 1);
    }

    /** Whether an interface can have it: it is neither of a group nor all zeros. */
    boolean isStation() {
        return bits != 0 && (bits & GROUP) == 0;
    }

    /** One of the six bytes. */
    byte at(int index) {
        return (byte) (bits >>> 8 * (LENGTH - 1 - index));
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(17);
        for (int i = 0; i < LENGTH; i++) {
            text.append(i == 0 ? "" : ":").append("%02x".formatted(at(i) & 0xff));
        }
        return text.toString();
    }
}
