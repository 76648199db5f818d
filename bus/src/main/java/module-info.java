/** What a device sees of the machine: buses, interrupt lines, time. */
module jcrosvm.bus {
    requires static org.jspecify;
    requires transitive jcrosvm.base;

    exports jcrosvm.bus;
    exports jcrosvm.bus.pci;
}
