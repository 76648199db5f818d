/** Guest physical memory. */
module jcrosvm.memory {
    requires static org.jspecify;
    requires transitive jcrosvm.base;

    exports jcrosvm.memory;
}
