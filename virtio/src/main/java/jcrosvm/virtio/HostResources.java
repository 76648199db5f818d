package jcrosvm.virtio;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import jcrosvm.base.io.Fd;
import org.jspecify.annotations.Nullable;

/**
 * What a device needs of the host, opened by a process with the rights to do so: descriptors, each under a name, and a
 * record of what is known about them. Both can go to the process that the device lives in, which needs no rights then.
 */
public final class HostResources implements AutoCloseable {
    private static final Record NOTHING = new Nothing();

    private final Record description;
    private final SequencedMap<String, Fd> descriptors = new LinkedHashMap<>();

    /** The description of descriptors that need none. */
    public record Nothing() {}

    /** @param description of a type that {@link jcrosvm.config.RecordWriter} writes */
    public HostResources(Record description) {
        this.description = description;
    }

    /** Descriptors that need no description, or none at all. */
    public HostResources() {
        this(NOTHING);
    }

    /** Adds a descriptor, owned by this object from here on. */
    public HostResources with(String name, Fd descriptor) {
        if (descriptors.putIfAbsent(name, descriptor) != null) {
            throw new IllegalArgumentException("two descriptors are called " + name);
        }
        return this;
    }

    /** Adds a descriptor where there is one. */
    public HostResources withOptional(String name, @Nullable Fd descriptor) {
        return descriptor == null ? this : with(name, descriptor);
    }

    public <R extends Record> R description(Class<R> type) {
        return type.cast(description);
    }

    /** The descriptors that were not taken, in the order in which they were added. */
    public Map<String, Fd> descriptors() {
        return Collections.unmodifiableMap(descriptors);
    }

    /** Takes a descriptor out, which the caller owns from here on; null where there is none of that name. */
    public @Nullable Fd takeOptional(String name) {
        return descriptors.remove(name);
    }

    /** @throws IllegalStateException when there is none of that name */
    public Fd take(String name) {
        Fd descriptor = takeOptional(name);
        if (descriptor == null) {
            throw new IllegalStateException("the device's module opened no descriptor called " + name);
        }
        return descriptor;
    }

    /** Closes what was not taken. */
    @Override
    public void close() {
        descriptors.values().forEach(Fd::close);
        descriptors.clear();
    }
}
