package jcrosvm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "512, 512",
        "0x200, 512",
        "1K, 1024",
        "1k, 1024",
        "3M, 3145728",
        "2G, 2147483648",
        "1T, 1099511627776"
    })
    void readsSuffixes(String text, long expected) {
        assertThat(ByteSize.parse(text, 0, Long.MAX_VALUE)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "K", "1KB", "1.5G", "-1", "-1K", "x", "9999999T", "99999999999999999999", "1P"})
    void refusesTheRest(String text) {
        assertThatThrownBy(() -> ByteSize.parse(text, 0, Long.MAX_VALUE)).isInstanceOf(ConfigException.class);
    }

    @Test
    void keepsLimits() {
        assertThat(ByteSize.parse("1K", 1024, 1024)).isEqualTo(1024);
        assertThatThrownBy(() -> ByteSize.parse("1K", 1025, 4096)).hasMessageContaining("out of range");
        assertThatThrownBy(() -> ByteSize.parse("1K", 0, 1023)).hasMessageContaining("out of range");
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "1, 1", "1024, 1K", "1536, 1536", "3145728, 3M", "1099511627776, 1T", "1125899906842624, 1024T"
    })
    void printsExactly(long bytes, String expected) {
        assertThat(ByteSize.format(bytes)).isEqualTo(expected);
    }
}
