package jcrosvm.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"Exit\"",
                "{\"Err\":22}",
                "[1,-2.5e3,true,false,null,\"a\\\"b\\\\c\\n\\u0001\",[],{}]",
                "{\"a\":{\"b\":[{\"c\":\"d\"}]}}",
                "\"ä€😀\""
            })
    void writesWhatItReads(String json) {
        assertThat(JsonWriter.compact(JsonReader.parse(json))).isEqualTo(json);
        assertThat(JsonWriter.compact(JsonReader.parse(JsonWriter.pretty(JsonReader.parse(json)))))
                .isEqualTo(json);
    }

    @Test
    void indentsForPeople() {
        assertThat(JsonWriter.pretty(JsonReader.parse("{\"a\":[1,{}]}"))).isEqualTo("""
                {
                  "a": [
                    1,
                    {}
                  ]
                }""");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "{",
                "[1,]",
                "{\"a\":1,}",
                "{\"a\":1,\"a\":2}",
                "1 2",
                "'a'",
                "nul",
                "\"a",
                "\"\\q\"",
                "{a:1}",
                "[1}",
                "01",
                "NaN",
                "\u0000"
            })
    void refusesWhatIsNotJson(String json) {
        assertThatThrownBy(() -> JsonReader.parse(json))
                .isInstanceOf(ConfigException.class)
                .message()
                .doesNotContain("\n");
    }

    @Test
    void refusesDeepNesting() {
        assertThatThrownBy(() -> JsonReader.parse("[".repeat(100_000))).isInstanceOf(ConfigException.class);
    }

    @Test
    void neverFailsOtherwise() {
        Random random = new Random(2);
        String alphabet = "{}[]:,\"\\/ 01eE+-.truefalsn\u00e9\n\0";
        for (int i = 0; i < 100_000; i++) {
            StringBuilder text = new StringBuilder();
            for (int n = random.nextInt(16); n > 0; n--) {
                text.append(alphabet.charAt(random.nextInt(alphabet.length())));
            }
            try {
                JsonReader.parse(text.toString());
            } catch (ConfigException e) {
                assertThat(e.position()).as(text.toString()).isLessThanOrEqualTo(text.length());
            }
        }
    }
}
