/** The machine. */
module jcrosvm.vmm {
    requires static org.jspecify;
    requires jcrosvm.sandbox;
    requires jcrosvm.virtio.transport;
    requires transitive jcrosvm.boot;
    requires transitive jcrosvm.devices;
    requires transitive jcrosvm.hypervisor;
    requires transitive jcrosvm.platform;
    requires transitive jcrosvm.vhostuser;

    exports jcrosvm.vmm;
    exports jcrosvm.vmm.config;
    exports jcrosvm.vmm.board to
            jcrosvm.config; // reads and writes states
    exports jcrosvm.vmm.x86 to
            jcrosvm.config;

    uses jcrosvm.hypervisor.HypervisorProvider;
}
