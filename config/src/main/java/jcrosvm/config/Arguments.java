package jcrosvm.config;

import java.util.ArrayList;
import java.util.List;
import jcrosvm.base.VmmException;
import org.jspecify.annotations.Nullable;

/** What was given on a command line or in a configuration file, in order. */
public final class Arguments {
    /**
     * Where an option was given.
     *
     * @param name prefix of messages about it
     * @param position of the option in the file
     * @param file null on a command line
     */
    record Source(String name, int position, @Nullable ConfigText file) {
        static Source commandLine(String name) {
            return new Source(name, 0, null);
        }

        UsageException wrong(ConfigException e) {
            String message = file == null
                    ? name + ": " + e.getMessage()
                    : file.place(e.position() < 0 ? position : e.position()) + ": " + name + ": " + e.problem();
            return new UsageException(message, e);
        }
    }

    /** One option that was given. */
    private record Given(Option<?> option, Value value, Source source) {
        boolean is(Option<?> other) {
            return option.name().equals(other.name());
        }
    }

    private final List<Given> options = new ArrayList<>();
    private final List<String> positionals = new ArrayList<>();
    private final List<RefusedOptions.Refusal> refusals = new ArrayList<>();
    private boolean wantsHelp;

    Arguments() {}

    void add(Option<?> option, Value value, Source source) {
        options.add(new Given(option, value, source));
    }

    void addPositional(String word) {
        positionals.add(word);
    }

    void addRefusal(RefusedOptions.Refusal refusal) {
        refusals.add(refusal);
    }

    void askHelp() {
        wantsHelp = true;
    }

    /** {@code --help}, {@code -h} or {@code help} was among the words. */
    public boolean wantsHelp() {
        return wantsHelp;
    }

    /** Words without option, in order. */
    public List<String> positionals() {
        return List.copyOf(positionals);
    }

    /** A positional word, or null. */
    public @Nullable String positional(int index) {
        return index < positionals.size() ? positionals.get(index) : null;
    }

    public boolean has(Option<?> option) {
        for (Given given : options) {
            if (given.is(option) && !isOff(given)) {
                return true;
            }
        }
        return false;
    }

    // A configuration file can say "hugepages": false.
    private static boolean isOff(Given given) {
        return given.option.isSwitch()
                && given.value instanceof Value.Text text
                && text.text().equals("false");
    }

    /**
     * The value of an option, or null when it was not given.
     *
     * @throws UsageException when the value does not fit
     */
    public <T> @Nullable T value(Option<T> option) {
        List<T> values = values(option);
        return values.isEmpty() ? null : values.getLast();
    }

    /** All values of an option, in order. */
    public <T> List<T> values(Option<T> option) {
        List<T> values = new ArrayList<>();
        for (Given given : options) {
            if (given.is(option) && !isNull(given.value)) {
                values.add(read(given, option));
            }
        }
        return values;
    }

    /**
     * One of several options of one type.
     *
     * @param option which one it was
     */
    public record Choice<T>(Option<T> option, T value) {}

    /**
     * All values of several options, in the order in which they were given.
     *
     * @throws UsageException when a value does not fit
     */
    public <T> List<Choice<T>> inOrder(List<Option<T>> among) {
        List<Choice<T>> choices = new ArrayList<>();
        for (Given given : options) {
            for (Option<T> option : among) {
                if (given.is(option) && !isNull(given.value)) {
                    choices.add(new Choice<>(option, read(given, option)));
                }
            }
        }
        return choices;
    }

    private static <T> T read(Given given, Option<T> option) {
        try {
            return option.read(given.value);
        } catch (ConfigException e) {
            throw given.source.wrong(e);
        }
    }

    private static boolean isNull(Value value) {
        return value instanceof Value.Text text && text.form() == Value.Form.JSON_NULL;
    }

    /** Deprecated options that were given, each once. */
    public List<Option<?>> deprecated() {
        List<Option<?>> found = new ArrayList<>();
        for (Given given : options) {
            if (given.option.replacement() != null && !found.contains(given.option)) {
                found.add(given.option);
            }
        }
        return found;
    }

    /** @throws VmmException naming the first option that is known but cannot be used */
    public void refuseUnsupported() {
        if (!refusals.isEmpty()) {
            RefusedOptions.Refusal first = refusals.getFirst();
            throw new VmmException("--" + first.name() + " " + first.reason());
        }
    }

    /**
     * These arguments on top of others: what can be given once wins over theirs, what can be repeated follows theirs,
     * positional words replace theirs.
     */
    public Arguments over(Arguments below) {
        Arguments merged = new Arguments();
        for (Given given : below.options) {
            if (given.option.isRepeatable() || !isGiven(given.option)) {
                merged.options.add(given);
            }
        }
        merged.options.addAll(options);
        merged.positionals.addAll(positionals.isEmpty() ? below.positionals : positionals);
        merged.refusals.addAll(refusals);
        merged.refusals.addAll(below.refusals);
        merged.wantsHelp = wantsHelp;
        return merged;
    }

    private boolean isGiven(Option<?> option) {
        for (Given given : options) {
            if (given.is(option)) {
                return true;
            }
        }
        return false;
    }

    boolean contains(Option<?> option) {
        return isGiven(option);
    }
}
