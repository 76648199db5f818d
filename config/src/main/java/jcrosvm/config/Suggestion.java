package jcrosvm.config;

import java.util.Collection;

/** Finds what a misspelled word may have meant. */
public final class Suggestion {
    private Suggestion() {}

    /** A clause {@code " (did you mean 'x'?)"} naming the candidate nearest to the word, or nothing when none is near. */
    public static String clause(String word, Collection<String> candidates) {
        return clause(word, candidates, "");
    }

    /** @param prefix put before the candidate, such as {@code --} */
    public static String clause(String word, Collection<String> candidates, String prefix) {
        String best = "";
        int bestDistance = Math.max(1, word.length() / 3) + 1;
        for (String candidate : candidates) {
            int distance = distance(word, candidate);
            // What was cut short is near, whatever is missing.
            if (word.length() >= 3 && candidate.startsWith(word)) {
                distance = Math.min(distance, 1);
            }
            if (distance < bestDistance) {
                bestDistance = distance;
                best = candidate;
            }
        }
        return best.isEmpty() ? "" : " (did you mean '" + prefix + best + "'?)";
    }

    /** Edits between two words, a swap of neighbours counting once (optimal string alignment). */
    static int distance(String a, String b) {
        int[] before = new int[b.length() + 1];
        int[] last = new int[b.length() + 1];
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            last[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                row[j] = Math.min(Math.min(row[j - 1], last[j]) + 1, last[j - 1] + change);
                if (i > 1 && j > 1 && a.charAt(i - 1) == b.charAt(j - 2) && a.charAt(i - 2) == b.charAt(j - 1)) {
                    row[j] = Math.min(row[j], before[j - 2] + 1);
                }
            }
            int[] spare = before;
            before = last;
            last = row;
            row = spare;
        }
        return last[b.length()];
    }
}
