package jcrosvm.network.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import jcrosvm.base.VmmException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigTest {
    @ParameterizedTest
    @CsvSource({
        "tcp:127.0.0.1:2222-:22, tcp:127.0.0.1:2222-:22",
        "tcp::2222-:22, tcp:0.0.0.0:2222-:22",
        "udp::53-10.0.2.15:53, udp:0.0.0.0:53-10.0.2.15:53",
        "tcp:[::1]:80-:80, tcp:[0:0:0:0:0:0:0:1]:80-:80",
    })
    void readsForwards(String text, String canonical) {
        assertThat(HostForward.parse(text)).hasToString(canonical);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "tcp",
                "sctp::1-:2",
                "tcp:localhost:1-:2",
                "tcp::70000-:2",
                "tcp::1-:0",
                "tcp::1:2",
                "tcp::1-10.0.3.1:2"
            })
    void refusesOtherForwards(String text) {
        assertThatThrownBy(() ->
                        UserNetworkConfig.defaults().withHostfwd(List.of(text)).validate())
                .isInstanceOf(VmmException.class)
                .hasMessageContaining("hostfwd " + text)
                .hasMessageNotContaining("\n");
    }

    @ParameterizedTest
    @CsvSource({
        "10.0.2.0, fec0::/64, , , 1500, net '10.0.2.0'",
        "10.0.2.1/24, fec0::/64, , , 1500, did you mean 10.0.2.0/24",
        "127.0.0.0/8, fec0::/64, , , 1500, cannot be",
        "10.0.2.0/31, fec0::/64, , , 1500, prefix of 8 to 27",
        "10.0.2.0/24, fec0::/48, , , 1500, ipv6-net",
        "10.0.2.0/24, fe80::/64, , , 1500, cannot be",
        "10.0.2.0/24, fec0::/64, 10.0.3.2, , 1500, gateway '10.0.3.2'",
        "10.0.2.0/24, fec0::/64, 10.0.2.3, , 1500, three different",
        "10.0.2.0/24, fec0::/64, , a_b, 1500, hostname",
        "10.0.2.0/24, fec0::/64, , , 100, mtu 100",
        "10.0.2.0/24, fec0::/64, , , 65521, mtu 65521",
    })
    void saysWhatCannotBe(String net, String v6, String gateway, String hostname, int mtu, String message) {
        UserNetworkConfig config = new UserNetworkConfig(
                List.of(), net, v6, gateway, null, null, hostname, false, UserNetworkConfig.HostLoopback.DENY, mtu);
        assertThatThrownBy(config::validate).isInstanceOf(VmmException.class).hasMessageContaining(message);
    }

    @Test
    void defaultsAreQemus() {
        AddressPlan plan = AddressPlan.of(UserNetworkConfig.defaults());
        assertThat(IpAddress.ofV4(plan.gateway())).hasToString("10.0.2.2");
        assertThat(IpAddress.ofV4(plan.dns())).hasToString("10.0.2.3");
        assertThat(IpAddress.ofV4(plan.guest())).hasToString("10.0.2.15");
        UserNetworkConfig.defaults().validate();
    }

    @Test
    void readsResolvConf() {
        assertThat(HostResolver.parse("; x\nsearch a\n nameserver\t1.2.3.4 \nnameserver junk\nnameserver ::1\n"))
                .hasToString("[/1.2.3.4:53, /[0:0:0:0:0:0:0:1]:53]");
        assertThat(HostResolver.parse("")).hasToString("[/127.0.0.1:53]");
    }
}
