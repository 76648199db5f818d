package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.platform.pci.PciFunctionConfig;
import jcrosvm.platform.pci.PvPanicConfig;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.vmm.config.VmConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Test;

class DevicesTest {
    private record Unknown() implements DeviceConfig {
        @Override
        public void validate() {}
    }

    private record UnknownFunction() implements PciFunctionConfig {}

    @Test
    void aPciFunctionThatNoModuleMakesIsAnError() {
        VmConfigBuilder builder = VmConfig.builder().kernel(Path.of("k")).functions(List.of(new UnknownFunction()));
        assertThatThrownBy(builder::build)
                .isInstanceOf(VmmException.class)
                .hasMessage("there is no PCI function that a " + UnknownFunction.class.getName() + " describes");
    }

    @Test
    void machinesHavePvpanicUnlessToldOtherwise() {
        VmConfigBuilder builder = VmConfig.builder().kernel(Path.of("k"));
        assertThat(builder.build().functions()).containsExactly(new PvPanicConfig());
        assertThat(builder.functions(List.of()).build().functions()).isEmpty();
    }

    @Test
    void aConfigurationThatNoModuleMakesIsAnError() {
        VmConfigBuilder builder = VmConfig.builder().kernel(Path.of("k")).device(new Unknown());
        assertThatThrownBy(builder::build)
                .isInstanceOf(VmmException.class)
                .hasMessage("there is no device that a " + Unknown.class.getName() + " describes");
    }
}
