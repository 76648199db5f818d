package jcrosvm.config;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * A set of CPU numbers, ascending and without repetition.
 *
 * @param cpus the numbers, each from 0 to {@link #MAX_CPU}
 */
public record CpuSet(List<Integer> cpus) {
    /** Highest CPU number of Linux (CONFIG_NR_CPUS is at most 8192). */
    public static final int MAX_CPU = 8191;

    public CpuSet {
        for (int cpu : cpus) {
            if (cpu < 0 || cpu > MAX_CPU) {
                throw new IllegalArgumentException("CPU " + cpu);
            }
        }
        cpus = List.copyOf(new TreeSet<>(cpus));
    }

    public static CpuSet of(Integer... cpus) {
        return new CpuSet(List.of(cpus));
    }

    public boolean contains(int cpu) {
        return cpus.contains(cpu);
    }

    public int size() {
        return cpus.size();
    }

    /**
     * Reads the plain syntax, {@code 0,1-3,5}.
     *
     * @param position where {@code text} starts in what the user wrote, for the message of a failure
     */
    public static CpuSet parse(String text, int position) {
        List<Integer> cpus = new ArrayList<>();
        int at = 0;
        while (true) {
            int comma = text.indexOf(',', at);
            int end = comma < 0 ? text.length() : comma;
            addRange(cpus, text.substring(at, end), position + at);
            if (comma < 0) {
                return new CpuSet(cpus);
            }
            at = comma + 1;
        }
    }

    /** Adds one {@code N} or {@code N-M}. */
    static void addRange(List<Integer> cpus, String text, int position) {
        int dash = text.indexOf('-');
        int first = number(dash < 0 ? text : text.substring(0, dash), text, position);
        int last = dash < 0 ? first : number(text.substring(dash + 1), text, position);
        if (last < first) {
            throw new ConfigException("CPU range '" + text + "' ends before it starts", position);
        }
        for (int cpu = first; cpu <= last; cpu++) {
            cpus.add(cpu);
        }
    }

    private static int number(String digits, String text, int position) {
        int n = 0;
        for (int i = 0; i < digits.length(); i++) {
            char c = digits.charAt(i);
            if (c < '0' || c > '9') {
                n = -1;
                break;
            }
            n = Math.min(MAX_CPU + 1, n * 10 + (c - '0'));
        }
        if (digits.isEmpty() || n < 0 || n > MAX_CPU) {
            throw new ConfigException(
                    "'" + text + "' is not a CPU number or range; expected N or N-M, up to " + MAX_CPU, position);
        }
        return n;
    }

    /** The plain syntax, with ranges. */
    @Override
    public String toString() {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < cpus.size(); ) {
            int j = i;
            while (j + 1 < cpus.size() && cpus.get(j + 1) == cpus.get(j) + 1) {
                j++;
            }
            if (i > 0) {
                out.append(',');
            }
            out.append(cpus.get(i));
            if (j > i) {
                out.append('-').append(cpus.get(j));
            }
            i = j + 1;
        }
        return out.toString();
    }
}
