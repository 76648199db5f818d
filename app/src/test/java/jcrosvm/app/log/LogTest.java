package jcrosvm.app.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.System.Logger.Level;
import jcrosvm.config.UsageException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LogTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            info                        | jcrosvm.vmm.Machine   | INFO
            off                         | control               | OFF
            WARN                        | control               | WARNING
            debug,disk=off              | jcrosvm.disk.Qcow2    | OFF
            debug,disk=off              | jcrosvm.diskette      | DEBUG
            disk=off,debug              | jcrosvm.disk          | OFF
            vmm=debug                   | jcrosvm.control       | OFF
            devices::usb::xhci=debug,warn | jcrosvm.devices.usb.xhci.Ring | DEBUG
            devices::usb::xhci=debug,warn | jcrosvm.devices.usb   | WARNING
            jcrosvm.vmm=error,info      | jcrosvm.vmm.Machine   | ERROR
            vmm                         | jcrosvm.vmm.Machine   | ALL
            info,trace                  | x                     | ALL
            debug                       | java.lang.Runtime     | INFO
            trace                       | jdk.event.security    | INFO
            warn                        | java.lang.Runtime     | WARNING
            info,java.lang=debug        | java.lang.Runtime     | DEBUG
            debug                       | javax                 | DEBUG
            a=info,a.b=error,a.b.c=off  | a.b.x                 | ERROR
            """)
    void decidesByTheLongestName(String filter, String logger, Level expected) {
        assertThat(LogFilter.parse(filter).threshold(logger)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"a=b", "a=", "info=x", "a b"})
    void refusesUnknownLevels(String filter) {
        assertThatThrownBy(() -> LogFilter.parse(filter))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("--log-level");
    }

    @Test
    void fillsPlaceholders() {
        assertThat(PlainLoggerFinder.fill("{0} and {1}, {0}; {2} {x} {", new Object[] {"a", 5}))
                .isEqualTo("a and 5, a; {2} {x} {");
        assertThat(PlainLoggerFinder.fill("{0}", null)).isEqualTo("{0}");
    }
}
