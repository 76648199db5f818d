package jcrosvm.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import jcrosvm.config.CpuSet;
import jcrosvm.config.Flat;
import jcrosvm.config.JsonReader;
import jcrosvm.config.JsonWriter;
import jcrosvm.config.Option;
import jcrosvm.config.RecordBinder;
import jcrosvm.config.RecordWriter;
import jcrosvm.config.Value;
import jcrosvm.config.testing.RandomRecords;
import jcrosvm.vmm.config.VmOptions;
import org.junit.jupiter.api.Test;

/** Records of the whole tree, written and read back. */
class SavedRecordsTest {
    private static final int TIMES = 30;

    private final long seed = new Random().nextLong();

    /** Every public record whose components can be bound: configuration, states, messages. */
    private static List<Class<?>> records() throws ClassNotFoundException {
        List<Class<?>> records = new ArrayList<>();
        for (String module : SourceTree.modules()) {
            Path folder = SourceTree.ROOT.resolve(module).resolve("target/classes");
            for (Path file : SourceTree.classes(module)) {
                String name = folder.relativize(file).toString();
                if (name.endsWith("-info.class")) {
                    continue;
                }
                Class<?> type = Class.forName(
                        name.substring(0, name.length() - ".class".length()).replace('/', '.'),
                        false,
                        SavedRecordsTest.class.getClassLoader());
                if (type.isRecord() && isPublic(type) && !isValue(type) && RandomRecords.knows(type)) {
                    records.add(type);
                }
            }
        }
        return records;
    }

    private static boolean isValue(Class<?> type) {
        return type == CpuSet.class || type.getDeclaringClass() == Value.class;
    }

    private static boolean hasValue(Class<?> type) {
        return type.isRecord() && Stream.of(type.getRecordComponents()).anyMatch(c -> c.getType() == Value.class);
    }

    private static boolean isPublic(Class<?> type) {
        Class<?> outer = type.getDeclaringClass();
        return Modifier.isPublic(type.getModifiers()) && (outer == null || isPublic(outer));
    }

    private static List<Class<?>> optionTypes() {
        List<Class<?>> types = new ArrayList<>();
        for (Option.Group group : VmOptions.groups()) {
            for (Option<?> option : group.options()) {
                if (option.type().isRecord() && option.type() != CpuSet.class) {
                    types.add(option.type());
                }
            }
        }
        return types;
    }

    private static Value text(Object record, Class<?> type) {
        return JsonReader.parse(JsonWriter.pretty(RecordWriter.write(record, type)));
    }

    /** Equal, or where arrays or positions differ, written equally. */
    private void assertSame(Object read, Object made, Class<?> type) {
        if (made.toString().contains("[B@") || made.toString().contains("position=") || hasValue(type)) {
            assertThat(JsonWriter.compact(text(read, type)))
                    .as("seed %d: %s", seed, made)
                    .isEqualTo(JsonWriter.compact(text(made, type)));
        } else {
            assertThat(read).as("seed %d", seed).isEqualTo(made);
        }
    }

    @Test
    void everyRecordIsReadAsItWasWritten() throws ClassNotFoundException {
        List<Class<?>> checked = new ArrayList<>();
        RandomRecords random = new RandomRecords(new Random(seed), true);
        for (Class<?> type : records()) {
            for (int i = 0; i < TIMES; i++) {
                Optional<?> made = random.make(type);
                if (made.isPresent()) {
                    Value written = text(made.get(), type);
                    Object read = RecordBinder.bindSaved(written, type);
                    assertSame(read, made.get(), type);
                    checked.add(type);
                }
            }
        }
        assertThat(checked).containsAll(optionTypes()).hasSizeGreaterThan(50 * TIMES);
    }

    /** What {@code dump} writes can be given as {@code --cfg}. */
    @Test
    void everyOptionIsReadAsAUserWouldHaveWrittenIt() {
        RandomRecords random = new RandomRecords(new Random(seed), false);
        List<Class<?>> types = optionTypes();
        // A flat record is written under a key of its own, which a user cannot write.
        types.removeIf(type -> Stream.of(type.getRecordComponents()).anyMatch(c -> c.isAnnotationPresent(Flat.class)));
        assertThat(types).hasSizeGreaterThan(5);
        for (Class<?> type : types) {
            for (int i = 0; i < TIMES; i++) {
                Object made = random.make(type).orElseThrow();
                assertSame(RecordBinder.bind(text(made, type), type), made, type);
            }
        }
    }
}
