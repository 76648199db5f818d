/** Devices of the x86-64 machine that are not virtio. */
module jcrosvm.platform {
    requires static org.jspecify;
    requires transitive jcrosvm.bus;
    requires transitive jcrosvm.config;
    requires transitive jcrosvm.hypervisor;
    requires transitive jcrosvm.serial;

    exports jcrosvm.platform;
    exports jcrosvm.platform.irqchip;
    exports jcrosvm.platform.pci;
    exports jcrosvm.platform.serial;

    uses jcrosvm.platform.pci.PciModule;

    provides jcrosvm.platform.pci.PciModule with
            jcrosvm.platform.pci.PvPanicModule;
}
