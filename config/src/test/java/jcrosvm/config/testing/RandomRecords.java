package jcrosvm.config.testing;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import jcrosvm.base.VmmException;
import jcrosvm.config.CpuSet;
import jcrosvm.config.Range;
import jcrosvm.config.RecordWriter;
import jcrosvm.config.Value;

/** Makes values of every type that RecordBinder knows. */
public final class RandomRecords {
    private static final int ATTEMPTS = 200;
    private static final int DEPTH = 5;
    private static final String LETTERS = "abz019 =,[]{}:\"'\\/\n\u00e9\u20ac";

    private static final List<Class<?>> SCALARS = List.of(
            boolean.class,
            Boolean.class,
            int.class,
            Integer.class,
            long.class,
            Long.class,
            String.class,
            Path.class,
            byte[].class,
            Value.class,
            CpuSet.class);
    private static final String[] WORDS = {"00:01.0", "0000:02:1f.0", "52:54:00:12:34:56", "10.0.2.15", "eth0"};

    private final Random random;
    private final boolean negative;

    /** @param negative whether integers without limits may be negative */
    public RandomRecords(Random random, boolean negative) {
        this.random = random;
        this.negative = negative;
    }

    /** A record that its constructor allows; empty when none was found. */
    public <R> Optional<R> make(Class<R> type) {
        for (int i = 0; i < ATTEMPTS; i++) {
            try {
                return Optional.of(type.cast(record(type)));
            } catch (IllegalArgumentException | NullPointerException | VmmException e) {
                // not an allowed one
            }
        }
        return Optional.empty();
    }

    private Object record(Class<?> type) {
        RecordComponent[] components = type.getRecordComponents();
        Class<?>[] types = new Class<?>[components.length];
        Object[] values = new Object[components.length];
        for (int i = 0; i < components.length; i++) {
            types[i] = components[i].getType();
            Range range = components[i].getAnnotation(Range.class);
            long min = range != null ? range.min() : negative ? Long.MIN_VALUE : 0;
            values[i] = isNullable(components[i]) && random.nextBoolean()
                    ? null
                    : value(components[i].getGenericType(), min, range != null ? range.max() : Long.MAX_VALUE);
        }
        try {
            Constructor<?> constructor = type.getConstructor(types);
            return constructor.newInstance(values);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new AssertionError(e);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static boolean isNullable(RecordComponent component) {
        return Stream.of(component.getAnnotatedType().getAnnotations())
                .anyMatch(annotation ->
                        annotation.annotationType().getSimpleName().equals("Nullable"));
    }

    private Object value(Type type, long min, long max) {
        if (type instanceof ParameterizedType generic) {
            Type[] arguments = generic.getActualTypeArguments();
            Type element = arguments[arguments.length - 1];
            if (generic.getRawType() == Optional.class) {
                return random.nextBoolean() ? Optional.empty() : Optional.of(value(element, min, max));
            }
            List<Object> list = new ArrayList<>();
            Map<String, Object> map = new LinkedHashMap<>();
            for (int n = random.nextInt(4); n > 0; n--) {
                list.add(value(element, min, max));
                map.put(string(), value(element, min, max));
            }
            return generic.getRawType() == Map.class ? map : List.copyOf(list);
        }
        Class<?> raw = (Class<?>) type;
        if (!raw.isPrimitive() && !raw.isArray() && raw.isRecord() && raw != CpuSet.class) {
            return record(raw);
        }
        if (raw == boolean.class || raw == Boolean.class) {
            return random.nextBoolean();
        }
        if (raw == int.class || raw == Integer.class) {
            return (int) number(Math.max(min, Integer.MIN_VALUE), Math.min(max, Integer.MAX_VALUE));
        }
        if (raw == long.class || raw == Long.class) {
            return number(min, max);
        }
        if (raw == String.class) {
            return string();
        }
        if (raw == Path.class) {
            return Path.of("/" + string().replace("\n", ""));
        }
        if (raw == byte[].class) {
            byte[] bytes = new byte[random.nextInt(70)];
            random.nextBytes(bytes);
            return bytes;
        }
        if (raw == CpuSet.class) {
            List<Integer> cpus = new ArrayList<>();
            random.ints(random.nextInt(6), 0, 12).forEach(cpus::add);
            return new CpuSet(cpus);
        }
        if (raw == Value.class) {
            return RecordWriter.write(CpuSet.of(1, 2), CpuSet.class);
        }
        if (raw.isEnum()) {
            return pick(raw.getEnumConstants());
        }
        if (raw.isSealed()) {
            return record(pick(raw.getPermittedSubclasses()));
        }
        throw new UnsupportedOperationException("no values of " + type);
    }

    /** Small ones and those at the limits come often. */
    private long number(long min, long max) {
        long n = switch (random.nextInt(4)) {
            case 0 -> min;
            case 1 -> max;
            case 2 -> random.nextInt(300);
            default -> random.nextLong() >> random.nextInt(64);
        };
        return Math.clamp(n, min, max);
    }

    private String string() {
        if (random.nextInt(8) == 0) {
            return pick(WORDS);
        }
        StringBuilder text = new StringBuilder();
        for (int n = random.nextInt(8); n > 0; n--) {
            text.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
        }
        return text.toString();
    }

    /** Whether {@link #make} knows all that this record is made of. */
    public static boolean knows(Class<?> record) {
        return knows(record, 0);
    }

    private static boolean hasKnown(Class<?> record, int depth) {
        return Stream.of(record.getRecordComponents())
                .allMatch(component -> knows(component.getGenericType(), depth + 1));
    }

    // A record inside itself is too deep.
    private static boolean knows(Type type, int depth) {
        if (depth > DEPTH) {
            return false;
        }
        if (type instanceof ParameterizedType generic) {
            Type[] arguments = generic.getActualTypeArguments();
            boolean isList = generic.getRawType() == List.class || generic.getRawType() == Optional.class;
            boolean isMap = generic.getRawType() == Map.class && arguments[0] == String.class;
            return (isList || isMap) && knows(arguments[arguments.length - 1], depth);
        }
        if (!(type instanceof Class<?> raw)) {
            return false;
        }
        return SCALARS.contains(raw)
                || raw.isEnum()
                || raw.isRecord() && hasKnown(raw, depth)
                || raw.isSealed()
                        && Stream.of(raw.getPermittedSubclasses())
                                .allMatch(one -> one.isRecord() && hasKnown(one, depth));
    }

    private <T> T pick(T[] among) {
        return among[random.nextInt(among.length)];
    }
}
