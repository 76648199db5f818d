/** The machine. */
module jcrosvm.vmm {
    requires static org.jspecify;
    requires jcrosvm.virtio.transport;
    requires transitive jcrosvm.boot;
    requires transitive jcrosvm.devices;
    requires transitive jcrosvm.hypervisor;
    requires transitive jcrosvm.platform;

    exports jcrosvm.vmm;
    exports jcrosvm.vmm.config;

    uses jcrosvm.hypervisor.HypervisorProvider;
}
