/** Kernel loaders and the tables that a guest boots from. */
module jcrosvm.boot {
    requires static org.jspecify;
    requires jcrosvm.unpack;
    requires transitive jcrosvm.config;
    requires transitive jcrosvm.hypervisor;
    requires transitive jcrosvm.memory;

    exports jcrosvm.boot;
}
