package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import jcrosvm.base.VmmException;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.vmm.config.VmConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Test;

class DevicesTest {
    private record Unknown() implements DeviceConfig {
        @Override
        public void validate() {}
    }

    @Test
    void aConfigurationThatNoModuleMakesIsAnError() {
        VmConfigBuilder builder = VmConfig.builder().kernel(Path.of("k")).device(new Unknown());
        assertThatThrownBy(builder::build)
                .isInstanceOf(VmmException.class)
                .hasMessage("there is no device that a " + Unknown.class.getName() + " describes");
    }
}
