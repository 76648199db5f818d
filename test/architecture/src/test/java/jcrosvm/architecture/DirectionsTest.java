package jcrosvm.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.module.ModuleDescriptor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Timer;
import java.util.TreeSet;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Directions that must not exist between modules, and what only one module may do. */
class DirectionsTest {
    /** Classes with a main method that scripts start; all else of the program is in {@code app}. */
    private static final String PROGRAMS = "jcrosvm\\.app\\..*|jcrosvm\\.guest\\.(FetchGuests|MakeDisk|RigMachine)";

    private static JavaClasses all;

    @BeforeAll
    static void read() {
        List<Path> folders = SourceTree.modules().stream()
                .map(module -> SourceTree.ROOT.resolve(module).resolve("target/classes"))
                .toList();
        all = new ClassFileImporter().importPaths(folders);
        assertThat(all).isNotEmpty();
    }

    private static void forbid(List<String> from, List<String> to) {
        String[] sources = from.stream().map(name -> "jcrosvm." + name + "..").toArray(String[]::new);
        String[] targets = to.stream().map(name -> "jcrosvm." + name + "..").toArray(String[]::new);
        noClasses()
                .that()
                .resideInAnyPackage(sources)
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(targets)
                .allowEmptyShould(true)
                .check(all);
    }

    @Test
    void onlyBaseCallsNativeCode() {
        noClasses()
                .that()
                .resideOutsideOfPackage("jcrosvm.base..")
                .should()
                .dependOnClassesThat()
                .areAssignableTo(Linker.class)
                .orShould()
                .dependOnClassesThat()
                .areAssignableTo(SymbolLookup.class)
                .orShould()
                .callMethodWhere(
                        target(owner(resideInAnyPackage("java.lang.foreign").and(isRestrictedHolder())))
                                .and(target(nameMatching("reinterpret|withTargetLayout|enableNativeAccess"))))
                .orShould()
                .callMethodWhere(target(nameMatching("load|loadLibrary"))
                        .and(target(owner(nameMatching("java\\.lang\\.(System|Runtime)")))))
                .check(all);
    }

    private static com.tngtech.archunit.base.DescribedPredicate<JavaClass> isRestrictedHolder() {
        return com.tngtech.archunit.base.DescribedPredicate.describe(
                "with restricted methods",
                type -> type.isAssignableTo(MemorySegment.class)
                        || type.isAssignableTo(AddressLayout.class)
                        || type.isAssignableTo(Arena.class)
                        || type.isEquivalentTo(ModuleLayer.Controller.class));
    }

    @Test
    void onlyBaseUsesInternalsOfTheJdk() {
        noClasses()
                .that()
                .resideOutsideOfPackage("jcrosvm.base..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("sun..", "jdk.internal..")
                .check(all);
    }

    @Test
    void hypervisorsKnowNoBusAndNoMachine() {
        forbid(
                List.of("hypervisor"),
                List.of("bus", "platform", "virtio", "devices", "boot", "vmm", "control", "config", "app"));
    }

    @Test
    void onlyTheProviderSeesAConcreteHypervisor() {
        noClasses()
                .that()
                .resideOutsideOfPackages("jcrosvm.hypervisor.kvm..", "jcrosvm.hypervisor.soft..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("jcrosvm.hypervisor.kvm..", "jcrosvm.hypervisor.soft..")
                .check(all);
    }

    @Test
    void busesKnowNoDevice() {
        forbid(List.of("bus"), List.of("platform", "virtio", "devices", "vmm", "boot", "control", "app"));
    }

    @Test
    void devicesKnowNoMachine() {
        forbid(List.of("platform"), List.of("boot", "vmm", "control", "guest", "app"));
        forbid(List.of("devices"), List.of("virtio.transport", "bus", "hypervisor", "vmm", "vhostuser", "sandbox"));
    }

    /** What is confined is data to it: it knows neither devices nor how they are described. */
    @Test
    void theSandboxKnowsOnlyTheOperatingSystem() {
        noClasses()
                .that()
                .resideInAPackage("jcrosvm.sandbox..")
                .should()
                .dependOnClassesThat(resideInAPackage("jcrosvm..")
                        .and(not(resideInAnyPackage("jcrosvm.base..", "jcrosvm.sandbox.."))))
                .check(all);
    }

    @Test
    void theVirtioCoreAndDiskImagesKnowNoDevice() {
        forbid(List.of("virtio"), List.of("disk", "devices", "hypervisor", "platform", "boot", "vmm", "control"));
        forbid(List.of("disk"), List.of("memory", "virtio", "devices", "bus", "vmm", "control"));
        forbid(List.of("serial"), List.of("memory", "virtio", "devices", "platform", "bus", "vmm", "control"));
        forbid(
                List.of("vhostuser"),
                List.of("virtio.transport", "devices", "bus", "hypervisor", "vmm", "control", "app"));
        forbid(List.of("network"), List.of("memory", "virtio", "devices", "platform", "bus", "vmm", "control"));
    }

    @Test
    void devicesKnowNoOtherDevice() {
        slices().matching("jcrosvm.devices.(*)..")
                .should()
                .notDependOnEachOther()
                .allowEmptyShould(true)
                .check(all);
    }

    /** What is x86 of the machine is on its board: the boards of other architectures stand beside it. */
    @Test
    void onlyTheBoardKnowsTheArchitecture() {
        noClasses()
                .that()
                .resideInAPackage("jcrosvm.vmm..")
                .and()
                .resideOutsideOfPackage("jcrosvm.vmm.x86..")
                .and()
                .doNotHaveFullyQualifiedName("jcrosvm.vmm.Boards") // which chooses
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("jcrosvm.hypervisor.x86..", "jcrosvm.vmm.x86..", "jcrosvm.platform.irqchip..")
                .orShould()
                .dependOnClassesThat()
                .haveNameMatching("jcrosvm\\.platform\\.(AcpiPm|Cmos|I8042|RtcAlarm).*|jcrosvm\\.boot\\.PcDevices.*")
                .check(all);
        noClasses()
                .that()
                .resideInAPackage("jcrosvm.hypervisor")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("jcrosvm.hypervisor.x86..")
                .check(all);
    }

    @Test
    void kernelLoadersKnowNoDevice() {
        forbid(List.of("boot"), List.of("bus", "platform", "virtio", "devices", "vmm", "control", "app"));
    }

    @Test
    void nothingKnowsTheProgram() {
        noClasses()
                .that()
                .resideOutsideOfPackage("jcrosvm.app..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("jcrosvm.app..")
                .check(all);
    }

    @Test
    void guestImagesAreMadeWithoutTheMachine() {
        forbid(List.of("guest"), List.of("memory", "hypervisor", "bus", "platform", "boot", "vmm", "control", "app"));
    }

    /** Within a module a package and those below it may know each other; across modules nothing goes in circles. */
    @Test
    void modulesHaveNoCycles() {
        slices().matching("jcrosvm.(*)..").should().beFreeOfCycles().check(all);
    }

    @Test
    void onlyTheProgramWritesToTheStandardStreams() {
        noClasses()
                .that()
                .haveNameNotMatching(PROGRAMS)
                .should()
                .accessField(System.class, "out")
                .orShould()
                .accessField(System.class, "err")
                .orShould()
                .callMethod(Throwable.class, "printStackTrace")
                .orShould()
                .callMethod(System.class, "setOut", PrintStream.class)
                .check(all);
    }

    @Test
    void onlyTheProgramEndsTheProcess() {
        noClasses()
                .that()
                .haveNameNotMatching(PROGRAMS)
                .should()
                .callMethod(System.class, "exit", int.class)
                .orShould()
                .callMethodWhere(
                        target(nameMatching("halt|exit")).and(target(owner(nameMatching("java.lang.Runtime")))))
                .check(all);
    }

    /** So that none can end without its VM, or the program, learning of it. */
    @Test
    void threadsAreStartedInOnePlace() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName("jcrosvm.base.io.ThreadScope")
                .and()
                .doNotHaveFullyQualifiedName("jcrosvm.base.io.Threads") // what runs when the process ends
                .and()
                .doNotHaveFullyQualifiedName("jcrosvm.base.LinkAhead") // of the program's first moment
                .should()
                .callConstructorWhere(
                        target(owner(isAssignableToAny(Thread.class, ThreadPoolExecutor.class, Timer.class))))
                .orShould()
                .callMethodWhere(target(nameMatching("of(Platform|Virtual)|startVirtualThread"))
                        .and(target(owner(nameMatching("java\\.lang\\.Thread")))))
                .orShould()
                .callMethodWhere(target(nameMatching("new.*|commonPool"))
                        .and(target(owner(nameMatching("java\\.util\\.concurrent\\.(Executors|ForkJoinPool)")))))
                .orShould()
                .callMethodWhere(target(nameMatching(".*Async|parallel|parallelStream"))
                        .and(target(owner(nameMatching("java\\.util\\..*")))))
                .check(all);
    }

    private static com.tngtech.archunit.base.DescribedPredicate<JavaClass> isAssignableToAny(Class<?>... types) {
        return com.tngtech.archunit.base.DescribedPredicate.describe(
                "of a kind that has threads", owner -> Stream.of(types).anyMatch(owner::isAssignableTo));
    }

    @Test
    void nothingWaitsByTheClock() {
        noClasses()
                .should()
                .callMethodWhere(target(nameMatching("sleep"))
                        .and(target(owner(nameMatching("java\\.lang\\.Thread|java\\.util\\.concurrent\\.TimeUnit")))))
                .check(all);
    }

    @Test
    void classesAreNamedForWhatTheyAre() {
        noClasses()
                .that()
                .doNotHaveSimpleName("ModInfo") // what Linux calls that section of a kernel module
                .should()
                .haveNameMatching(".*(Manager|Helper|Helpers|Util|Utils|Impl|Info)(\\$.*)?")
                .check(all);
    }

    @Test
    void packagesAreThoseOfTheirModule() {
        for (String module : SourceTree.modules()) {
            String root = "jcrosvm." + module.replace('-', '.').replace("vhost.user", "vhostuser");
            JavaClasses own = new ClassFileImporter()
                    .importPath(SourceTree.ROOT.resolve(module).resolve("target/classes"));
            classes()
                    .that()
                    .doNotHaveSimpleName("module-info")
                    .should()
                    .resideInAPackage(root + "..")
                    .because("module " + module + " owns " + root)
                    .check(own);
        }
    }

    /** The pom says what is built before what; the module descriptor says what may be used. They must agree. */
    @Test
    void modulesDependOnlyOnModulesBuiltBefore() throws Exception {
        Map<String, Integer> position = new HashMap<>();
        for (String module : SourceTree.modules()) {
            ModuleDescriptor descriptor;
            Path file = SourceTree.ROOT.resolve(module).resolve("target/classes/module-info.class");
            try (InputStream in = Files.newInputStream(file)) {
                descriptor = ModuleDescriptor.read(in);
            }
            for (ModuleDescriptor.Requires required : descriptor.requires()) {
                if (required.name().startsWith("jcrosvm.")) {
                    assertThat(position)
                            .as("%s requires a module that is listed before it in pom.xml", descriptor.name())
                            .containsKey(required.name());
                }
            }
            assertThat(position.put(descriptor.name(), position.size())).isNull();
        }
        assertThat(new TreeSet<>(position.keySet())).hasSameSizeAs(SourceTree.modules());
    }
}
