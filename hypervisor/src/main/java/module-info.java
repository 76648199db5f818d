/** What a machine needs of a hypervisor; no implementation, no bus. */
module jcrosvm.hypervisor {
    requires static org.jspecify;
    requires transitive jcrosvm.base;
    requires transitive jcrosvm.memory;

    exports jcrosvm.hypervisor;
    exports jcrosvm.hypervisor.x86;
}
