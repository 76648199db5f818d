/** Virtio devices. */
module jcrosvm.devices {
    requires static org.jspecify;
    requires jcrosvm.disk;
    requires transitive jcrosvm.virtio;

    exports jcrosvm.devices;
    exports jcrosvm.devices.block;
    // The option language binds values to configuration records.
    exports jcrosvm.devices.balloon to
            jcrosvm.config;
    exports jcrosvm.devices.net to
            jcrosvm.config;
    exports jcrosvm.devices.net.user to
            jcrosvm.config;
    exports jcrosvm.devices.rng to
            jcrosvm.config;
}
