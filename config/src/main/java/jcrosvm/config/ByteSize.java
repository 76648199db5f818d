package jcrosvm.config;

/** Numbers of bytes as users write them: as {@link Numbers}, or decimal with one of the suffixes K, M, G and T. */
public final class ByteSize {
    private static final String SUFFIXES = "KMGT";

    private ByteSize() {}

    /**
     * Parses one; a suffix means a power of 1024, in either case.
     *
     * @throws ConfigException when the text is none, or out of limits
     */
    public static long parse(String text, long min, long max) {
        int last = text.length() - 1;
        int suffix =
                last < 1 || text.startsWith("0x") ? -1 : SUFFIXES.indexOf(Character.toUpperCase(text.charAt(last)));
        if (suffix < 0) {
            return Numbers.parse(text, -1, min, max);
        }
        int shift = 10 * (suffix + 1);
        long number = Numbers.parse(text.substring(0, last), -1, 0, Long.MAX_VALUE);
        if (number > max >> shift || number << shift < min) {
            throw new ConfigException("size " + text + " is out of range, expected " + min + " to " + max, -1);
        }
        return number << shift;
    }

    /** A size with the largest of the suffixes that says it exactly, such as {@code 10G}. */
    public static String format(long bytes) {
        int suffix = -1;
        long number = bytes;
        while (suffix < SUFFIXES.length() - 1 && number != 0 && number % 1024 == 0) {
            number /= 1024;
            suffix++;
        }
        return suffix < 0 ? Long.toString(bytes) : number + SUFFIXES.substring(suffix, suffix + 1);
    }
}
