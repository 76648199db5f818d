package jcrosvm.platform;

import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;

/** The alarm registers of {@link Cmos} as the guest wrote them. */
record RtcAlarm(CalendarFields fields, int month, int day, int hours, int minutes, int seconds) {
    /** There is no such time. */
    static final long NEVER = Long.MAX_VALUE;

    // The next 29 February may be so far away.
    private static final int YEARS_AHEAD = 8;

    /** That of the registers in {@code memory}. */
    static RtcAlarm of(CalendarFields fields, byte[] memory) {
        return new RtcAlarm(
                fields,
                memory[Cmos.MONTH_ALARM] & 0xff,
                memory[Cmos.DAY_ALARM] & 0xff,
                memory[Cmos.HOURS_ALARM] & 0xff,
                memory[Cmos.MINUTES_ALARM] & 0xff,
                memory[Cmos.SECONDS_ALARM] & 0xff);
    }

    /** The first second after {@code from} that the registers name, both counted from 1970. */
    long after(long from) {
        // A time of day that never comes would have the search look at every second of years.
        if (!fields.someHour(hours) || !fields.someMinute(minutes) || !fields.someMinute(seconds)) {
            return NEVER;
        }
        LocalDateTime at = LocalDateTime.ofEpochSecond(from + 1, 0, ZoneOffset.UTC);
        LocalDateTime limit = at.plusYears(YEARS_AHEAD);
        while (at.isBefore(limit)) {
            if (!dateMatches(month, at.getMonthValue())) {
                at = at.truncatedTo(ChronoUnit.DAYS).withDayOfMonth(1).plusMonths(1);
            } else if (!dateMatches(day, at.getDayOfMonth())) {
                at = at.truncatedTo(ChronoUnit.DAYS).plusDays(1);
            } else if (!CalendarFields.matches(hours, fields.encodeHour(at.getHour()))) {
                at = at.truncatedTo(ChronoUnit.HOURS).plusHours(1);
            } else if (!CalendarFields.matches(minutes, fields.encode(at.getMinute()))) {
                at = at.truncatedTo(ChronoUnit.MINUTES).plusMinutes(1);
            } else if (!CalendarFields.matches(seconds, fields.encode(at.getSecond()))) {
                at = at.plusSeconds(1);
            } else {
                return at.toEpochSecond(ZoneOffset.UTC);
            }
        }
        return NEVER;
    }

    // Day and month are not in every chip: zero, what firmware leaves there, means any too.
    private boolean dateMatches(int field, int number) {
        return field == 0 || CalendarFields.matches(field, fields.encode(number));
    }
}
