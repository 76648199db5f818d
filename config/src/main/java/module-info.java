/** The option language: values, the key-value syntax, records bound to values. */
module jcrosvm.config {
    requires static org.jspecify;
    requires transitive jcrosvm.base;
    requires tools.jackson.core;

    exports jcrosvm.config;
}
