package jcrosvm.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.WildcardType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import jcrosvm.base.io.EventFd;
import jcrosvm.base.io.Fd;
import jcrosvm.config.Value;
import jcrosvm.memory.GuestMemory;
import jcrosvm.virtio.DeviceHost;
import jcrosvm.virtio.DeviceTraits;
import jcrosvm.virtio.InflightRegion;
import jcrosvm.virtio.Interrupt;
import jcrosvm.virtio.QueueLayout;
import jcrosvm.virtio.QueueResources;
import jcrosvm.virtio.QueueState;
import jcrosvm.virtio.SharedMemoryWindow;
import jcrosvm.virtio.VirtioDevice;
import org.junit.jupiter.api.Test;

/** Only what a vhost-user connection can carry crosses the contract between a device and its host. */
class DeviceContractTest {
    /** Bytes, text, descriptors, and memory that is a list of descriptors and guest addresses, or a part of a file. */
    private static final Set<Type> CARRIED = Set.of(
            byte[].class, String.class, Value.class, EventFd.class, Fd.class, GuestMemory.class, InflightRegion.class);

    /** What is made of carried things on either side: its own methods and components are looked at. */
    private static final Set<Class<?>> PARTS = Set.of(
            DeviceHost.class,
            DeviceTraits.class,
            DeviceTraits.SharedMemoryRegion.class,
            Interrupt.class,
            QueueLayout.class,
            QueueResources.class,
            QueueState.class,
            SharedMemoryWindow.class);

    private static final Set<Class<?>> CONTAINERS = Set.of(List.class, CompletionStage.class);

    private final List<String> foreign = new ArrayList<>();
    private final Set<Class<?>> seen = new HashSet<>();

    @Test
    void nothingElseCrosses() {
        methods(VirtioDevice.class);
        assertThat(seen).containsAll(PARTS);
        assertThat(foreign).isEmpty();
    }

    private void methods(Class<?> type) {
        for (Method method : type.getDeclaredMethods()) {
            if (Modifier.isPublic(method.getModifiers())
                    && !method.isSynthetic()
                    && !Modifier.isStatic(method.getModifiers())) {
                String where = type.getSimpleName() + "." + method.getName();
                look(where, method.getGenericReturnType());
                Arrays.stream(method.getGenericParameterTypes()).forEach(parameter -> look(where, parameter));
            }
        }
    }

    private void look(String where, Type type) {
        if (type instanceof ParameterizedType generic) {
            if (!CONTAINERS.contains(generic.getRawType())) {
                foreign.add(where + ": " + type.getTypeName());
            }
            Arrays.stream(generic.getActualTypeArguments()).forEach(argument -> look(where, argument));
        } else if (type instanceof WildcardType wildcard) {
            Arrays.stream(wildcard.getUpperBounds()).forEach(bound -> look(where, bound));
        } else if (type instanceof Class<?> part && PARTS.contains(part)) {
            if (seen.add(part)) {
                part(part);
            }
        } else if (!CARRIED.contains(type)
                && !(type instanceof Class<?> raw && (raw.isPrimitive() || raw == Integer.class))) {
            foreign.add(where + ": " + type.getTypeName());
        }
    }

    private void part(Class<?> part) {
        if (part.isRecord()) {
            for (RecordComponent component : part.getRecordComponents()) {
                look(part.getSimpleName() + "." + component.getName(), component.getGenericType());
            }
        } else {
            methods(part);
        }
    }
}
