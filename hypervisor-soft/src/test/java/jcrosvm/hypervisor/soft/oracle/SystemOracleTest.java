package jcrosvm.hypervisor.soft.oracle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Function;
import java.util.function.Predicate;
import jcrosvm.hypervisor.kvm.KvmProvider;
import jcrosvm.hypervisor.soft.SoftProvider;
import jcrosvm.hypervisor.soft.oracle.Scene.Mode;
import jcrosvm.hypervisor.soft.oracle.Stage.Outcome;
import jcrosvm.hypervisor.x86.CpuTopology;
import jcrosvm.hypervisor.x86.CpuidTable;
import jcrosvm.hypervisor.x86.GuestCpuid;
import jcrosvm.hypervisor.x86.Segment;
import jcrosvm.hypervisor.x86.SpecialRegisters;
import jcrosvm.hypervisor.x86.X86Hypervisor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Random system instructions with random descriptors on KVM and on the software processor: registers, segments,
 * exceptions with their frames, and memory come out the same.
 *
 * <p>A nested KVM that interprets knows only part of the architecture; what it cannot do, or is known not to check, is
 * left out.
 */
class SystemOracleTest {
    private static final int SCENES = Integer.getInteger("jcrosvm.test.scenes", 400);
    private static final int INVALID_OPCODE = Scene.HANDLERS + 16 * 6 + 2;

    private X86Hypervisor kvm;
    private X86Hypervisor soft;
    private Stage oracle;
    private Stage stage;

    @BeforeEach
    void open() {
        assumeTrue(Files.isReadable(Path.of("/dev/kvm")), "this host has no usable /dev/kvm");
        kvm = (X86Hypervisor) new KvmProvider().open(null);
        soft = (X86Hypervisor) new SoftProvider().open(null);
        CpuidTable cpuid = GuestCpuid.forVcpu(soft.supportedCpuid(), CpuTopology.of(1, true), 0, true, false);
        oracle = new Stage(kvm, cpuid);
        stage = new Stage(soft, cpuid);
    }

    @AfterEach
    void close() {
        if (kvm != null) {
            oracle.close();
            stage.close();
            kvm.close();
            soft.close();
        }
    }

    private void compare(Function<Scenes, Scene> theme, Predicate<Scene> meant, int enough) {
        int compared = 0;
        for (int seed = 1; seed <= SCENES; seed++) {
            Scene scene = theme.apply(new Scenes(seed));
            // At CPL 3 of 64-bit mode kvm_pvm uses the host's own segments.
            if (!meant.test(scene) || scene.mode == Mode.LONG && scene.cpl == 3) {
                continue;
            }
            Outcome expected = oracle.play(scene);
            if (known(expected)) {
                Outcome found = stage.play(scene);
                assertThat(found.difference(expected))
                        .as("seed %d, %s", seed, scene)
                        .isEmpty();
                compared++;
            }
        }
        assertThat(compared).as("scenes that KVM could play").isGreaterThan(enough);
    }

    /** Whether KVM's emulator knows what the scene needs, and where it ended can be compared. */
    private static boolean known(Outcome expected) {
        long rip = expected.registers().rip();
        Segment code = expected.special().cs();
        boolean wide = code.longMode() && (expected.special().efer() & SpecialRegisters.EFER_LMA) != 0;
        // The jump on the spot there, which only the software processor reaches, would cut RIP to 16 bits.
        boolean inside = wide || code.defaultSize() || rip <= 0xffff;
        return expected.end().equals("end") && rip != INVALID_OPCODE && inside && !(wide && code.dpl() == 3);
    }

    @Test
    void segmentLoads() {
        compare(Scenes::segmentLoad, scene -> true, 250);
    }

    @Test
    void descriptorTables() {
        compare(Scenes::tables, scene -> !HostProcessor.takesBase(scene.tableBase), 250);
    }

    @Test
    void farTransfers() {
        compare(Scenes::far, scene -> true, 200);
    }

    @Test
    void controlRegisters() {
        compare(Scenes::control, scene -> !(scene.readsDr6() && HostProcessor.hasOtherDr6()), 200);
    }

    @Test
    void interruptReturnsInRealMode() {
        compare(Scenes::interruptReturn, scene -> scene.mode == Mode.REAL, 30);
    }

    @Test
    void interruptsInRealMode() {
        compare(Scenes::gate, scene -> scene.mode == Mode.REAL, 30);
    }
}
