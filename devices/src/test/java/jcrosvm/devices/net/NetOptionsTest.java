package jcrosvm.devices.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import jcrosvm.base.VmmException;
import jcrosvm.config.ArgumentReader;
import jcrosvm.config.Arguments;
import jcrosvm.config.Syntax;
import jcrosvm.network.TapSource;
import jcrosvm.network.user.UserNetworkConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NetOptionsTest {
    private static final Syntax SYNTAX = new Syntax("test", "", List.of(NetOptions.GROUP), List.of());

    private static Arguments arguments(String line) {
        return ArgumentReader.read(SYNTAX, List.of(line.split(" ")));
    }

    private static List<NetConfig> read(String line) {
        List<NetConfig> all = NetOptions.read(arguments(line));
        all.forEach(NetConfig::validate);
        return all;
    }

    @Test
    void readsAllKeys() {
        NetConfig config =
                read("--net tap-name=t,mac=02:00:00:00:00:0a,vq-pairs=3,packed-queue,pci-address=0:5.0,mrg-rxbuf=false,mtu=9000")
                        .getFirst();
        assertThat(config.source()).isEqualTo(new TapSource.Named("t"));
        assertThat(MacAddress.parse(config.mac()).toString()).isEqualTo("02:00:00:00:00:0a");
        assertThat(config.vqPairs()).isEqualTo(3);
        assertThat(config.packedQueue()).isTrue();
        assertThat(config.pciAddress()).isEqualTo("0:5.0");
        assertThat(new NetModule().pciAddress(config)).isEqualTo("0:5.0");
        assertThat(config.mtu()).isEqualTo(9000);
        assertThat(config.isMergeable()).isFalse();
        assertThat(read("--net tap-fd=7").getFirst().source()).isEqualTo(new TapSource.Inherited(7));
        assertThat(read("--net host-ip=10.1.2.3,netmask=255.255.254.0,mac=02:00:00:00:00:01")
                        .getFirst()
                        .source())
                .isEqualTo(new TapSource.Made(0x0a010203, 0xfffffe00));
        assertThat(read("--net tap-name=a --net tap-name=b")).hasSize(2);
    }

    @Test
    void networkOfOurOwn() {
        assertThat(read("--net user").getFirst().userNetwork()).isEqualTo(UserNetworkConfig.defaults());
        NetConfig config = read("--net user,hostfwd=[tcp:127.0.0.1:2222-:22,udp::5000-:5000],restrict,mtu=9000,"
                        + "host-loopback=allow,mac=02:00:00:00:00:01")
                .getFirst();
        UserNetworkConfig network = config.userNetwork();
        assertThat(network.hostfwd()).containsExactly("tcp:127.0.0.1:2222-:22", "udp::5000-:5000");
        assertThat(network.restrict()).isTrue();
        assertThat(network.mtu()).isEqualTo(9000);
        assertThat(network.hostLoopback()).isEqualTo(UserNetworkConfig.HostLoopback.ALLOW);
        assertThat(network.net()).isEqualTo(UserNetworkConfig.defaults().net());
        assertThat(read("--net hostfwd=[tcp::2222-:22],user").getFirst().network())
                .isEqualTo(UserNetworkConfig.defaults().withHostfwd(List.of("tcp::2222-:22")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            tap-fd=7                 | false
            tap-fd=7,mrg-rxbuf       | true
            tap-fd=7,mrg-rxbuf=false | false
            tap-fd=7,vhost-net       | true
            tap-fd=7,vhost-net,mrg-rxbuf=false | false
            user                     | true
            user,mrg-rxbuf=false     | false
            user,packed-queue        | false
            """)
    void mergeableBuffersAreOfferedAsByCrosvm(String options, boolean expected) {
        assertThat(read("--net " + options).getFirst().isMergeable()).isEqualTo(expected);
    }

    /** A Linux guest cannot use them, but crosvm takes them. */
    @ParameterizedTest
    @ValueSource(strings = {"3d:70:eb:61:1a:91", "01:00:00:00:00:00", "0:0:0:0:0:0", "ff:ff:ff:ff:ff:ff"})
    void addressesOfGroupsAreTaken(String mac) {
        assertThat(read("--net tap-fd=7,mac=" + mac).getFirst().mac()).isEqualTo(mac);
        assertThat(MacAddress.parse(mac).isStation()).isFalse();
    }

    @Test
    void vhostNetWithAndWithoutDevice() {
        assertThat(read("--net tap-fd=7").getFirst().vhostNet()).isNull();
        assertThat(read("--net tap-fd=7,vhost-net").getFirst().vhostNet()).isEqualTo(VhostNetConfig.defaults());
        assertThat(read("--net tap-fd=7,vhost-net=").getFirst().vhostNet()).isEqualTo(VhostNetConfig.defaults());
        assertThat(read("--net vhost-net,tap-fd=7").getFirst().vhostNet()).isEqualTo(VhostNetConfig.defaults());
        assertThat(read("--net tap-fd=7,vhost-net=[device=/dev/v]").getFirst().vhostNet())
                .isEqualTo(new VhostNetConfig(Path.of("/dev/v")));
    }

    @Test
    void olderOptions() {
        List<NetConfig> all = read("--tap-name a --tap-fd 5 --tap-fd 6 --host-ip 10.0.0.1 --netmask 255.0.0.0"
                + " --mac 02:00:00:00:00:01 --net-vq-pairs 2 --vhost-net");
        assertThat(all)
                .extracting(NetConfig::source)
                .containsExactly(
                        new TapSource.Made(0x0a000001, 0xff000000),
                        new TapSource.Inherited(5),
                        new TapSource.Inherited(6),
                        new TapSource.Named("a"));
        assertThat(all).allMatch(config -> config.vqPairs() == 2 && config.vhostNet() != null);
        assertThat(arguments("--tap-name a --vhost-net").deprecated()).hasSize(2);
        assertThat(read("--tap-fd 5 --vhost-net-device /v").getFirst().vhostNet())
                .isEqualTo(new VhostNetConfig(Path.of("/v")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            --net mtu=1500                        | net: one of tap-name, tap-fd
            --net tap-name=a,tap-fd=3             | net: tap-name and tap-fd exclude each other
            --net host-ip=1.2.3.4,mac=2:0:0:0:0:1 | net: host-ip needs netmask and mac too
            --net tap-fd=3,netmask=255.0.0.0      | net: netmask needs host-ip
            --net host-ip=1.2.3,netmask=255.0.0.0,mac=2:0:0:0:0:1 | net: host-ip '1.2.3' is no IPv4 address
            --net host-ip=1.2.3.256,netmask=255.0.0.0,mac=2:0:0:0:0:1 | net: host-ip '1.2.3.256' is no IPv4
            --net host-ip=1.2.3.4,netmask=255.0.1.0,mac=2:0:0:0:0:1 | net: netmask 255.0.1.0 is none
            --net tap-name=abcdefghijklmnop       | is no interface name
            --net tap-name=a/b                    | is no interface name
            --net tap-fd=3,mac=02:00:00:00:00     | mac '02:00:00:00:00': expected six bytes
            --net tap-fd=3,pci-address=x          | pci-address: 'x' is not a PCI address
            --net tap-fd=3,vq-pairs=65536         | vq-pairs
            --net-vq-pairs x                      | is not a number
            --net-vq-pairs 0                      | --net-vq-pairs 0: at least one pair
            --net tap-fd=3,mtu=67                 | net: mtu 67 is not within 68 to 65535
            --net tap-fd=3,mtu=65536              | net: mtu 65536 is not within
            --net tap-fd=3,vq-pairs=0             | vq-pairs
            --net tap-fd=3,packed-queue,mrg-rxbuf | net: packed-queue and mrg-rxbuf exclude each other
            --net tap-fd=3,packed-queue,vhost-net | net: packed-queue and vhost-net exclude each other
            --net tap-fd=3,user                   | net: tap-fd and user exclude each other
            --net tap-fd=3,restrict               | net: hostfwd and all else about a network of our own need user
            --net user,vhost-net                  | net: user and vhost-net exclude each other
            --net user,hostfwd=[tcp:2222]         | hostfwd
            --net user,hostfw=[tcp::2222-:22]     | unknown key 'hostfw' (did you mean 'hostfwd'?)
            --net tap-fd=3,mrg-rxbu               | unknown key 'mrg-rxbu' (did you mean 'mrg-rxbuf'?)
            --host-ip 1.2.3.4                     | --host-ip, --netmask and --mac must be given together
            --tap-fd 3 --net-vq-pairs 0           | --net-vq-pairs 0
            """)
    void saysWhatCannotBe(String line, String message) {
        assertThatThrownBy(() -> read(line)).isInstanceOf(VmmException.class).hasMessageContaining(message);
    }
}
