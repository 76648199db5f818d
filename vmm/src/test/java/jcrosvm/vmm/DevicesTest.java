package jcrosvm.vmm;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import jcrosvm.base.VmmException;
import jcrosvm.devices.block.BlockConfig;
import jcrosvm.devices.net.NetConfig;
import jcrosvm.network.user.UserNetworkConfig;
import jcrosvm.virtio.DeviceConfig;
import jcrosvm.vmm.config.VmConfig;
import jcrosvm.vmm.config.VmConfigBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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

    @Test
    void oneThatCannotBeSavedIsNamed(@TempDir Path folder) throws IOException {
        BlockConfig disk = BlockConfig.of(Files.write(folder.resolve("disk"), new byte[4096]));
        VmConfig savable = VmConfig.builder().kernel(Path.of("k")).device(disk).build();
        NetConfig net = NetConfig.user(UserNetworkConfig.defaults());
        VmConfig open =
                VmConfig.builder().kernel(Path.of("k")).device(disk).device(net).build();
        try (Devices all = new Devices(savable)) {
            assertThatCode(all::requireSavable).doesNotThrowAnyException();
        }
        try (Devices all = new Devices(open)) {
            assertThatThrownBy(all::requireSavable)
                    .isInstanceOf(VmmException.class)
                    .hasMessage("net0 cannot be saved: its connections end in this process");
        }
    }
}
