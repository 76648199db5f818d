package jcrosvm.guest;

import java.util.function.Consumer;

/** Tells at every fifth of many packages how far something is. */
final class Steps {
    private static final int LINES = 5;
    /** Fewer are not worth a line. */
    private static final int MANY = 10;

    private final int total;
    private final String done;
    private final Consumer<String> progress;
    private int count;

    /**
     * Starts at none.
     *
     * @param done what is done with each, such as "fetched"
     */
    Steps(int total, String done, Consumer<String> progress) {
        this.total = total;
        this.done = done;
        this.progress = progress;
    }

    void next() {
        count++;
        if (total >= MANY && count * LINES / total > (count - 1) * LINES / total) {
            progress.accept(done + " " + count + " of " + total + " packages");
        }
    }
}
