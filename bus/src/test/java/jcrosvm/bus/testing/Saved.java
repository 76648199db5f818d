package jcrosvm.bus.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.Optional;
import java.util.stream.Stream;
import jcrosvm.base.Stateful;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.RecordBinder;
import jcrosvm.config.RecordWriter;

/** States as they are in a file. */
public final class Saved {
    private Saved() {}

    /** A part's state as text. */
    public static String text(Stateful<?> part) {
        return JsonWriter.pretty(RecordWriter.write(part.state()));
    }

    /** Restores a part from a text. */
    public static <R extends Record> void restore(Stateful<R> part, String text) {
        part.restore(RecordBinder.bindSaved(JsonReader.parse(text), type(part)));
    }

    /** Gives one part's state to another by way of a text; the other's must be the same then. */
    public static <R extends Record> void move(Stateful<R> from, Stateful<R> to) {
        String text = text(from);
        restore(to, text);
        assertThat(text(to)).isEqualTo(text);
    }

    @SuppressWarnings("unchecked") // Stateful's only parameter
    private static <R extends Record> Class<R> type(Stateful<R> part) {
        return (Class<R>) type(part.getClass())
                .orElseThrow(() -> new AssertionError(part.getClass() + " does not implement Stateful itself"));
    }

    private static Optional<Type> type(Class<?> of) {
        for (Type type : of.getGenericInterfaces()) {
            if (type instanceof ParameterizedType generic && generic.getRawType() == Stateful.class) {
                return Optional.of(generic.getActualTypeArguments()[0]);
            }
        }
        return Stream.of(of.getInterfaces())
                .map(Saved::type)
                .flatMap(Optional::stream)
                .findFirst();
    }
}
