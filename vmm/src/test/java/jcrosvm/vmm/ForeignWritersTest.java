package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.devices.net.NetConfig;
import jcrosvm.devices.net.VhostNetConfig;
import jcrosvm.hypervisor.Hypervisor.Capability;
import jcrosvm.vmm.config.HypervisorConfig;
import jcrosvm.vmm.config.VmConfig;
import org.junit.jupiter.api.Test;

/** Devices through which the host's kernel writes to the guest's memory, on a processor that does not see it. */
class ForeignWritersTest {
    private static NetConfig vhostNet() {
        return NetConfig.defaults().with(to -> {
            to.tapFd = 999;
            to.vhostNet = VhostNetConfig.defaults();
        });
    }

    private static VmConfig config(String hypervisor) {
        return VmConfig.builder()
                .kernel(Path.of("k"))
                .hypervisor(new HypervisorConfig(hypervisor, null, null))
                .device(vhostNet())
                .build();
    }

    @Test
    void areRefusedWhenTheHypervisorIsNamed() {
        assertThatThrownBy(() -> config("soft").validate())
                .isInstanceOf(VmmException.class)
                .hasMessageStartingWith("vhost-net cannot be used with hypervisor soft, which does not see");
        config("kvm").validate();
        config("auto").validate();
    }

    /** Before the tap is touched. */
    @Test
    void areRefusedWhenTheHypervisorTurnsOutToBeOne() {
        FakeHypervisor fake = new FakeHypervisor((vcpu, machine) -> null);
        fake.lacking.add(Capability.FOREIGN_WRITES);
        assertThatThrownBy(() -> VirtualMachine.create(config("auto"), fake.choice()))
                .isInstanceOf(VmmException.class)
                .hasMessageStartingWith("vhost-net cannot be used with hypervisor " + fake.name());
        assertThat(List.copyOf(fake.misuses)).isEmpty();
        assertThat(fake.open).hasValue(0);
    }
}
