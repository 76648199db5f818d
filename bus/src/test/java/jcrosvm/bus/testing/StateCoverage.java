package jcrosvm.bus.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import jcrosvm.base.Stateful;
import jcrosvm.bus.BusDevice;

/**
 * Whether a part's state has all that can change in it. Each field that can change, of the part and of what it is made
 * of, is changed; the state must then be another one, or be refused by its record. Fields that no state needs are named
 * with the reason, and not followed.
 */
public final class StateCoverage {
    private final Map<String, String> exceptions;
    private final Set<String> used = new TreeSet<>();
    private final Set<String> uncovered = new TreeSet<>();
    private final Set<Class<?>> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Set<Object> visited = Collections.newSetFromMap(new IdentityHashMap<>());

    /** @param exceptions reasons by {@code Class.field} */
    public StateCoverage(Map<String, String> exceptions) {
        this.exceptions = exceptions;
    }

    /** Looks at a part, which should be in a state where everything in it means something. */
    public StateCoverage check(Stateful<?> part) {
        visit(part, part);
        return this;
    }

    /** @throws AssertionError for fields that no state has, and for exceptions that are none */
    public StateCoverage assertComplete() {
        assertThat(uncovered).as("fields that change without the state").isEmpty();
        assertThat(exceptions.keySet()).as("exceptions that are fields").isSubsetOf(used);
        return this;
    }

    /**
     * Whether every class of a module that has something to change was looked at.
     *
     * @param others reasons by simple name why others need not be
     */
    public void assertEveryClass(Path classes, Map<String, String> others) {
        assertEveryClass(classes, "", others);
    }

    /** As {@link #assertEveryClass} for one package and those in it. */
    public void assertEveryClass(Path classes, String packageName, Map<String, String> others) {
        Set<String> missing = new TreeSet<>();
        Set<String> known = new TreeSet<>();
        seen.forEach(type -> known.add(type.getName()));
        try (Stream<Path> files = Files.walk(classes)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".class")).toList()) {
                String name = classes.relativize(file).toString();
                Class<?> type = name.endsWith("-info.class")
                        ? Object.class
                        : Class.forName(
                                name.replace(".class", "").replace('/', '.'),
                                false,
                                getClass().getClassLoader());
                if (type.getName().startsWith(packageName) && canChange(type) && !known.contains(type.getName())) {
                    missing.add(type.getSimpleName());
                }
            }
        } catch (IOException | ClassNotFoundException e) {
            throw new AssertionError(e);
        }
        assertThat(missing).as("classes with fields that change").isEqualTo(new TreeSet<>(others.keySet()));
    }

    private static boolean canChange(Class<?> type) {
        for (Field field : type.getDeclaredFields()) {
            boolean isFinal =
                    Modifier.isFinal(field.getModifiers()) && !field.getType().isArray();
            if (!Modifier.isStatic(field.getModifiers()) && !field.isSynthetic() && !isFinal) {
                return !type.isRecord();
            }
        }
        return false;
    }

    private void visit(Stateful<?> part, Object object) {
        if (!visited.add(object)) {
            return;
        }
        seen.add(object.getClass());
        for (Class<?> type = object.getClass(); type != Object.class; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                String name = type.getSimpleName() + "." + field.getName();
                if (Modifier.isStatic(field.getModifiers()) || field.isSynthetic()) {
                    continue;
                }
                if (exceptions.containsKey(name)) {
                    used.add(name);
                    continue;
                }
                try {
                    field.setAccessible(true);
                    field(part, object, field, name);
                } catch (IllegalAccessException e) {
                    throw new AssertionError(e);
                }
            }
        }
    }

    private void field(Stateful<?> part, Object object, Field field, String name) throws IllegalAccessException {
        Object value = field.get(object);
        if (!Modifier.isFinal(field.getModifiers())) {
            boolean isCovered = false;
            for (Object other : others(value)) {
                field.set(object, other);
                isCovered |= shows(part, () -> field.set(object, value));
            }
            report(name, isCovered);
        }
        follow(part, value, name);
    }

    private void report(String name, boolean isCovered) {
        if (!isCovered) {
            uncovered.add(name);
        }
    }

    private static List<Object> others(Object value) {
        return switch (value) {
            case null -> List.of();
            case Boolean bool -> List.of(!bool);
            case Integer number -> List.of(number ^ 1, number ^ 0x80, number < 0 ? 0 : -1);
            case Long number -> List.of(number ^ 1, number ^ 0x80, number < 0 ? 0L : -1L);
            default -> Collections.singletonList(null);
        };
    }

    private interface Undo {
        void run() throws IllegalAccessException;
    }

    /** Whether the state of the changed part differs from that of the part as it was. */
    private static boolean shows(Stateful<?> part, Undo undo) throws IllegalAccessException {
        String changed;
        try {
            changed = Saved.text(part);
        } catch (RuntimeException e) {
            changed = "refused";
        } finally {
            undo.run();
        }
        return !changed.equals(Saved.text(part));
    }

    /** What a final field leads to. */
    private void follow(Stateful<?> part, Object value, String name) throws IllegalAccessException {
        switch (value) {
            case null -> {}
            case Object array when array.getClass().isArray() -> array(part, array, name);
            case Map<?, ?> map -> {
                report(name, isFixed(map));
                for (Object element : map.values()) {
                    followElement(part, element);
                }
            }
            case List<?> list -> list(part, list, name);
            case Collection<?> other -> report(name, isFixed(other));
            case AtomicInteger number -> report(name, false);
            case AtomicLong number -> report(name, false);
            case AtomicBoolean bool -> report(name, false);
            default -> followElement(part, value);
        }
    }

    private void followElement(Stateful<?> part, Object element) {
        Class<?> type = element.getClass();
        boolean isOurs = type.getName().startsWith("jcrosvm.") && !type.isEnum() && !type.isHidden();
        if (isOurs && !type.getName().contains(".testing.") && !(element instanceof Record record && isPlain(record))) {
            visit(part, element);
        }
    }

    /** A value; a record that is a device of its own has others in it. */
    private static boolean isPlain(Record record) {
        return !(record instanceof BusDevice);
    }

    private static boolean isFixed(Object collection) {
        return collection.getClass().getName().startsWith("java.util.ImmutableCollections");
    }

    private void array(Stateful<?> part, Object array, String name) throws IllegalAccessException {
        Class<?> element = array.getClass().getComponentType();
        boolean isCovered = Array.getLength(array) == 0;
        for (int i = 0; i < Array.getLength(array) && !(isCovered && element.isPrimitive()); i++) {
            int at = i;
            Object old = Array.get(array, i);
            if (element.isPrimitive()) {
                change(array, i);
                isCovered |= shows(part, () -> Array.set(array, at, old));
            } else if (old != null) {
                followElement(part, old);
                isCovered = true; // what is in it is looked at
            }
        }
        report(name, isCovered);
    }

    private static void change(Object array, int at) {
        switch (array) {
            case byte[] bytes -> bytes[at] ^= 1;
            case int[] ints -> ints[at] ^= 1;
            case long[] longs -> longs[at] = longs[at] == -1 ? 0 : -1;
            case boolean[] booleans -> booleans[at] = !booleans[at];
            default ->
                throw new AssertionError("an array of " + array.getClass().getComponentType());
        }
    }

    @SuppressWarnings("unchecked") // what was taken out is put back
    private void list(Stateful<?> part, List<?> list, String name) throws IllegalAccessException {
        for (Object element : new ArrayList<>(list)) {
            followElement(part, element);
        }
        if (!isFixed(list)) {
            List<Object> content = new ArrayList<>(list);
            list.clear();
            report(name, shows(part, () -> ((List<Object>) list).addAll(content)));
        }
    }
}
