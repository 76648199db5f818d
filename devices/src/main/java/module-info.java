/** Virtio devices. */
module jcrosvm.devices {
    requires static org.jspecify;
    requires jcrosvm.disk;
    requires transitive jcrosvm.network;
    requires transitive jcrosvm.serial;
    requires transitive jcrosvm.virtio;

    exports jcrosvm.devices;
    // A program configures a VM by their records.
    exports jcrosvm.devices.block;
    exports jcrosvm.devices.console;
    exports jcrosvm.devices.net;
    // The option language binds values to configuration records.
    exports jcrosvm.devices.balloon to
            jcrosvm.config;
    exports jcrosvm.devices.rng to
            jcrosvm.config;
}
