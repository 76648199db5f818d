package jcrosvm.config;

import org.jspecify.annotations.Nullable;

/** Options that are known, with or without a value, but cannot be used. Asked only for words that no option has. */
public interface RefusedOptions {
    /** Nothing is known. */
    RefusedOptions NONE = name -> null;

    /** What is known about an option's name without dashes (one letter for a short form), or null. */
    @Nullable
    Refusal find(String name);

    /**
     * Why it is refused.
     *
     * @param takesValue whether the next word belongs to it
     * @param reason predicate of the message after the option's name: {@code "is not supported yet"}
     */
    record Refusal(String name, boolean takesValue, String reason) {}
}
