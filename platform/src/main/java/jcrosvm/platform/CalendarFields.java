package jcrosvm.platform;

import java.time.DateTimeException;
import java.time.LocalDateTime;
import java.util.stream.IntStream;

/** How {@link Cmos} writes a calendar's numbers: in BCD or binary, with 24 hours or 12 and a bit for the afternoon. */
record CalendarFields(boolean binary, boolean hours24) {
    private static final int AFTERNOON = 0x80;

    int encode(int number) {
        return binary ? number : ((number / 10) << 4) | (number % 10);
    }

    int decode(int field) {
        return binary ? field : (field >> 4) * 10 + (field & 15);
    }

    int encodeHour(int hour) {
        if (hours24) {
            return encode(hour);
        }
        int twelfth = hour % 12 == 0 ? 12 : hour % 12;
        return encode(twelfth) | (hour >= 12 ? AFTERNOON : 0);
    }

    int decodeHour(int field) {
        if (hours24) {
            return decode(field);
        }
        return decode(field & ~AFTERNOON) % 12 + ((field & AFTERNOON) != 0 ? 12 : 0);
    }

    /** Whether an alarm field names this encoded value; the two top bits mean that any will do. */
    static boolean matches(int alarm, int encoded) {
        return alarm >= 0xc0 || alarm == encoded;
    }

    /** Whether an alarm field names any hour at all. */
    boolean someHour(int alarm) {
        return IntStream.range(0, 24).anyMatch(h -> matches(alarm, encodeHour(h)));
    }

    /** The same for minutes or seconds. */
    boolean someMinute(int alarm) {
        return IntStream.range(0, 60).anyMatch(m -> matches(alarm, encode(m)));
    }

    /** Writes a time to the registers. */
    void show(LocalDateTime time, byte[] memory) {
        memory[Cmos.SECONDS] = (byte) encode(time.getSecond());
        memory[Cmos.MINUTES] = (byte) encode(time.getMinute());
        memory[Cmos.HOURS] = (byte) encodeHour(time.getHour());
        memory[Cmos.DAY_OF_WEEK] = (byte) encode(time.getDayOfWeek().getValue() % 7 + 1);
        memory[Cmos.DAY_OF_MONTH] = (byte) encode(time.getDayOfMonth());
        memory[Cmos.MONTH] = (byte) encode(time.getMonthValue());
        memory[Cmos.YEAR] = (byte) encode(Math.floorMod(time.getYear(), 100));
        memory[Cmos.CENTURY] = (byte) encode(Math.floorMod(time.getYear() / 100, 100));
    }

    /** The time that the registers show, or {@code otherwise} when there is no such time. */
    LocalDateTime read(byte[] memory, LocalDateTime otherwise) {
        try {
            return LocalDateTime.of(
                    decode(memory[Cmos.CENTURY] & 0xff) * 100 + decode(memory[Cmos.YEAR] & 0xff),
                    decode(memory[Cmos.MONTH] & 0xff),
                    decode(memory[Cmos.DAY_OF_MONTH] & 0xff),
                    decodeHour(memory[Cmos.HOURS] & 0xff),
                    decode(memory[Cmos.MINUTES] & 0xff),
                    decode(memory[Cmos.SECONDS] & 0xff));
        } catch (DateTimeException e) {
            return otherwise;
        }
    }
}
