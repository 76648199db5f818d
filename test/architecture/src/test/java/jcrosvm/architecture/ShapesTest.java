package jcrosvm.architecture;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.MethodModel;
import java.lang.reflect.AccessFlag;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sizes of interfaces and methods, read from class files. */
class ShapesTest {
    /** HotSpot never compiles a longer method: it would run some forty times slower. */
    private static final int MOST_BYTECODES = 8000;

    /**
     * The interfaces that modules meet at, with the most methods each may have. To raise a number is a decision, so it
     * is made here.
     */
    private static final Map<String, Integer> CENTRAL = Map.ofEntries(
            entry("jcrosvm/base/Stateful", 2),
            entry("jcrosvm/bus/BusDevice", 3),
            entry("jcrosvm/bus/DeviceClock", 3),
            entry("jcrosvm/bus/IrqLine", 2),
            entry("jcrosvm/bus/Suspendable", 2),
            entry("jcrosvm/hypervisor/Hypervisor", 6),
            entry("jcrosvm/hypervisor/IrqChip", 10),
            entry("jcrosvm/hypervisor/Vcpu", 8),
            entry("jcrosvm/hypervisor/VcpuExitHandler", 7),
            entry("jcrosvm/hypervisor/Vm", 10),
            entry("jcrosvm/hypervisor/MemorySlot", 3),
            entry("jcrosvm/hypervisor/x86/X86Hypervisor", 4),
            entry("jcrosvm/hypervisor/x86/X86Vcpu", 13),
            entry("jcrosvm/disk/DiskFile", 11),
            entry("jcrosvm/network/NetBackend", 9),
            entry("jcrosvm/virtio/DeviceModule", 14),
            entry("jcrosvm/virtio/DeviceHost", 4),
            entry("jcrosvm/virtio/Interrupt", 3),
            entry("jcrosvm/virtio/SharedMemoryWindow", 2),
            entry("jcrosvm/virtio/VirtioDevice", 12));

    private static void eachClass(String module, BiConsumer<Path, ClassModel> check) throws IOException {
        for (Path file : SourceTree.classes(module)) {
            check.accept(file, ClassFile.of().parse(file));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "base",
                "memory",
                "hypervisor",
                "hypervisor-kvm",
                "hypervisor-soft",
                "bus",
                "platform",
                "virtio",
                "virtio-transport",
                "vhost-user",
                "sound",
                "disk",
                "network",
                "devices"
            })
    void methodsOnHotPathsCanBeCompiled(String module) throws IOException {
        eachClass(module, (file, type) -> {
            for (MethodModel method : type.methods()) {
                // A class initializer runs once, and holds tables.
                if (method.methodName().equalsString("<clinit>")) {
                    continue;
                }
                int length = method.findAttribute(Attributes.code())
                        .map(code -> code.codeLength())
                        .orElse(0);
                assertThat(length)
                        .as("bytecodes of %s in %s", method.methodName(), SourceTree.name(file))
                        .isLessThanOrEqualTo(MOST_BYTECODES);
            }
        });
    }

    @Test
    void centralInterfacesStaySmall() throws IOException {
        int seen = 0;
        for (String module : SourceTree.modules()) {
            for (Path file : SourceTree.classes(module)) {
                ClassModel type = ClassFile.of().parse(file);
                String name = type.thisClass().asInternalName();
                if (CENTRAL.containsKey(name)) {
                    seen++;
                    List<String> methods = type.methods().stream()
                            .filter(method -> method.flags().has(AccessFlag.PUBLIC)
                                    && !method.flags().has(AccessFlag.STATIC)
                                    && !method.flags().has(AccessFlag.SYNTHETIC))
                            .map(method -> method.methodName().stringValue())
                            .toList();
                    assertThat(methods).as("methods of %s", name).hasSizeLessThanOrEqualTo(CENTRAL.get(name));
                }
            }
        }
        assertThat(seen).as("central interfaces found").isEqualTo(CENTRAL.size());
    }
}
