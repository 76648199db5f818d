package jcrosvm.config;

import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A record type as the binder sees it: keys, types, defaults, constructor. Made once for each type that is used. */
final class RecordShape {
    /** One component and what may be written for it. */
    record Component(
            String key,
            List<String> aliases,
            Class<?> raw,
            Type type,
            boolean required,
            boolean flat,
            boolean limited,
            long least,
            long max) {
        /** @param saved whether integers may be negative where no limits are given */
        long min(boolean saved) {
            return saved && !limited ? Long.MIN_VALUE : least;
        }

        boolean isNamed(String name) {
            return key.equals(name) || aliases.contains(name);
        }
    }

    private static final ClassValue<RecordShape> SHAPES = new ClassValue<>() {
        @Override
        protected RecordShape computeValue(Class<?> type) {
            return new RecordShape(type);
        }
    };

    final List<Component> components = new ArrayList<>();
    private final Constructor<?> constructor;
    private final RecordComponent[] accessors;
    private final @Nullable Method defaults;

    private RecordShape(Class<?> type) {
        accessors = type.getRecordComponents();
        Class<?>[] types = new Class<?>[accessors.length];
        for (int i = 0; i < accessors.length; i++) {
            RecordComponent c = accessors[i];
            types[i] = c.getType();
            Range range = c.getAnnotation(Range.class);
            components.add(new Component(
                    key(type, c.getName()),
                    aliases(c),
                    c.getType(),
                    c.getGenericType(),
                    c.isAnnotationPresent(Required.class),
                    c.isAnnotationPresent(Flat.class),
                    range != null,
                    range == null ? 0 : range.min(),
                    range == null ? Long.MAX_VALUE : range.max()));
        }
        try {
            constructor = type.getConstructor(types);
            defaults = defaultsOf(type);
        } catch (NoSuchMethodException e) {
            throw new IllegalArgumentException(type + " has no public canonical constructor", e);
        }
    }

    private static @Nullable Method defaultsOf(Class<?> type) {
        for (Method method : type.getMethods()) {
            if (method.getName().equals("defaults") && method.getParameterCount() == 0) {
                return method;
            }
        }
        return null;
    }

    static RecordShape of(Class<?> type) {
        return SHAPES.get(type);
    }

    boolean hasDefaults() {
        return defaults != null;
    }

    /** The value of each component that is not written, null where there is none. */
    @Nullable
    Object[] defaults() {
        @Nullable Object[] values = new Object[components.size()];
        try {
            if (defaults != null && defaults.invoke(null) instanceof Record record) {
                return values(record);
            }
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
        for (int i = 0; i < values.length; i++) {
            values[i] = zero(components.get(i).raw());
        }
        return values;
    }

    /** The value of each component of a record of this type. */
    @Nullable
    Object[] values(Record record) {
        @Nullable Object[] values = new Object[accessors.length];
        try {
            for (int i = 0; i < values.length; i++) {
                values[i] = accessors[i].getAccessor().invoke(record);
            }
            return values;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static @Nullable Object zero(Class<?> type) {
        if (type == boolean.class) {
            return false;
        }
        if (type == int.class) {
            return 0;
        }
        if (type == long.class) {
            return 0L;
        }
        if (type == List.class) {
            return List.of();
        }
        if (type == Map.class) {
            return Map.of();
        }
        if (type == byte[].class) {
            return new byte[0];
        }
        return null;
    }

    /** @throws IllegalArgumentException from the record's own checks */
    Object create(@Nullable Object[] values) {
        try {
            return constructor.newInstance(values);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException(e);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The component with this name that is not flat, or -1. */
    int indexOf(String name) {
        int index = indexOfAny(name);
        return index >= 0 && components.get(index).flat() ? -1 : index;
    }

    /** The component with this name, or -1. */
    int indexOfAny(String name) {
        for (int i = 0; i < components.size(); i++) {
            if (components.get(i).isNamed(name)) {
                return i;
            }
        }
        return -1;
    }

    List<String> keys() {
        List<String> keys = new ArrayList<>();
        for (Component c : components) {
            if (!c.flat()) {
                keys.add(c.key());
                keys.addAll(c.aliases());
            }
        }
        for (Component c : components) {
            if (c.flat()) {
                of(c.raw()).keys().stream().filter(key -> !keys.contains(key)).forEach(keys::add);
            }
        }
        return keys;
    }

    /** The key of a component. */
    static String key(Class<?> type, String component) {
        String key = kebab(component);
        return type.isAnnotationPresent(SnakeKeys.class) ? key.replace('-', '_') : key;
    }

    static List<String> aliases(AnnotatedElement element) {
        Alias alias = element.getAnnotation(Alias.class);
        return alias == null ? List.of() : List.of(alias.value());
    }

    /** {@code numCores}, {@code NumCores} and {@code NUM_CORES} are {@code num-cores}. */
    static String kebab(String name) {
        StringBuilder out = new StringBuilder(name.length() + 4);
        boolean constant = true;
        for (int i = 0; i < name.length(); i++) {
            constant &= !Character.isLowerCase(name.charAt(i));
        }
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c == '_') {
                out.append('-');
            } else {
                if (!constant && i > 0 && Character.isUpperCase(c)) {
                    out.append('-');
                }
                out.append(Character.toLowerCase(c));
            }
        }
        return out.toString();
    }
}
