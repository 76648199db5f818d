package jcrosvm.config;

/** Integers: decimal, or with prefix {@code 0x}, {@code 0o} or {@code 0b}; an optional minus sign in front. */
public final class Numbers {
    private Numbers() {}

    static long read(Value value, long min, long max) {
        if (!(value instanceof Value.Text text)
                || text.form() == Value.Form.QUOTED
                || (text.form() == Value.Form.JSON_STRING && !isHex(text.text()))) {
            throw new ConfigException("expected a number, not " + value.describe(), value.position());
        }
        return parse(text.text(), text.position(), min, max);
    }

    // JSON has no hexadecimal numbers: addresses are written as strings.
    private static boolean isHex(String text) {
        return text.startsWith("0x");
    }

    /**
     * Parses a number.
     *
     * @param position for the message of a failure, or -1
     * @throws ConfigException when the text is no number, or out of limits
     */
    public static long parse(String text, int position, long min, long max) {
        boolean negative = text.startsWith("-");
        int at = negative ? 1 : 0;
        int radix = 10;
        if (text.startsWith("0x", at)) {
            radix = 16;
        } else if (text.startsWith("0o", at)) {
            radix = 8;
        } else if (text.startsWith("0b", at)) {
            radix = 2;
        }
        at += radix == 10 ? 0 : 2;
        if (at == text.length()) {
            throw notANumber(text, position);
        }
        long limit = negative ? Long.MIN_VALUE : -Long.MAX_VALUE;
        long n = 0; // counted down: there is one negative number more than positive ones
        for (; at < text.length(); at++) {
            char c = text.charAt(at);
            int digit = c < 128 ? Character.digit(c, radix) : -1;
            if (digit < 0) {
                throw notANumber(text, position);
            }
            if (n < (limit + digit) / radix) {
                throw outOfRange(text, position, min, max);
            }
            n = n * radix - digit;
        }
        n = negative ? n : -n;
        if (n < min || n > max) {
            throw outOfRange(text, position, min, max);
        }
        return n;
    }

    private static ConfigException notANumber(String text, int position) {
        return new ConfigException(text.isEmpty() ? "expected a number" : "'" + text + "' is not a number", position);
    }

    private static ConfigException outOfRange(String text, int position, long min, long max) {
        return new ConfigException("number " + text + " is out of range, expected " + min + " to " + max, position);
    }
}
