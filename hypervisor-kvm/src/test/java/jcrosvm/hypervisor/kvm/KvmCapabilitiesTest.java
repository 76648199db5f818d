package jcrosvm.hypervisor.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import jcrosvm.base.Errno;
import jcrosvm.base.VmmException;
import jcrosvm.hypervisor.Hypervisor.Capability;
import jcrosvm.hypervisor.IrqChipMode;
import jcrosvm.hypervisor.kvm.KvmSpec.Cap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class KvmCapabilitiesTest {
    private static final Path DEVICE = Path.of("/dev/kvm");

    /** A KVM that has everything but one capability, which it answers with {@code answer}. */
    private static KvmCapabilities lacking(Cap missing, int answer) {
        return new KvmCapabilities((request, argument) -> {
            if (request == KvmSpec.KVM_GET_API_VERSION) {
                return 12;
            }
            assertThat(request).isEqualTo(KvmSpec.KVM_CHECK_EXTENSION);
            return argument == missing.number ? answer : 1;
        });
    }

    static List<Cap> required() {
        return List.of(KvmCapabilities.REQUIRED);
    }

    @ParameterizedTest
    @MethodSource("required")
    void namesTheMissingCapabilityInOneLine(Cap cap) {
        for (int answer : new int[] {0, -Errno.EINVAL}) {
            assertThatThrownBy(() -> lacking(cap, answer).require(DEVICE))
                    .isInstanceOf(VmmException.class)
                    .hasMessage("/dev/kvm lacks " + cap.name() + ": a newer host kernel is needed");
        }
    }

    @ParameterizedTest
    @EnumSource(Cap.class)
    void doesNotNeedTheOthers(Cap cap) {
        if (!required().contains(cap)) {
            assertThatCode(() -> lacking(cap, 0).require(DEVICE)).doesNotThrowAnyException();
        } else {
            assertThatThrownBy(() -> lacking(cap, 0).require(DEVICE)).hasMessageContaining(cap.name());
        }
    }

    @Test
    void refusesOtherDevicesAndVersions() {
        assertThatThrownBy(() -> new KvmCapabilities((request, argument) -> -Errno.ENOTTY).require(DEVICE))
                .isInstanceOf(VmmException.class)
                .hasMessage("/dev/kvm is not a KVM device (ENOTTY)");
        assertThatThrownBy(() -> new KvmCapabilities((request, argument) -> 13).require(DEVICE))
                .isInstanceOf(VmmException.class)
                .hasMessage("/dev/kvm speaks KVM API version 13, not 12");
    }

    @Test
    void saysWhatToDoWithoutSplitInterruptChip() {
        KvmCapabilities capabilities = lacking(Cap.KVM_CAP_SPLIT_IRQCHIP, 0);
        capabilities.require(IrqChipMode.KERNEL);
        assertThatThrownBy(() -> capabilities.require(IrqChipMode.SPLIT))
                .isInstanceOf(VmmException.class)
                .hasMessage("this KVM has no split interrupt chip (KVM_CAP_SPLIT_IRQCHIP): use --irqchip kernel");
        lacking(Cap.KVM_CAP_XSAVE, 0).require(IrqChipMode.SPLIT);
    }

    @ParameterizedTest
    @EnumSource(value = Capability.class, mode = EnumSource.Mode.EXCLUDE, names = "FOREIGN_WRITES")
    void supportsWhatKvmHas(Capability capability) {
        Cap cap = switch (capability) {
            case KERNEL_IRQCHIP -> Cap.KVM_CAP_IRQCHIP;
            case READONLY_MEMORY -> Cap.KVM_CAP_READONLY_MEM;
            case FOREIGN_WRITES -> throw new AssertionError();
        };
        assertThat(lacking(cap, 0).supports(capability)).isFalse();
        assertThat(lacking(cap, 3).supports(capability)).isTrue();
        long others = Arrays.stream(Capability.values())
                .filter(other -> lacking(cap, 0).supports(other))
                .count();
        assertThat(others).isEqualTo(Capability.values().length - 1);
    }

    @Test
    void takesTheLargerLimitOfVcpus() {
        assertThat(lacking(Cap.KVM_CAP_MAX_VCPUS, 4096).maxVcpus()).isEqualTo(4096);
        assertThat(lacking(Cap.KVM_CAP_NR_VCPUS, 8).maxVcpus()).isEqualTo(8);
        assertThat(lacking(Cap.KVM_CAP_MAX_VCPUS, -Errno.EINVAL).maxVcpus()).isEqualTo(1);
    }
}
