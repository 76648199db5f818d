/** Virtio devices. */
module jcrosvm.devices {
    requires static org.jspecify;
    requires jcrosvm.disk;
    requires transitive jcrosvm.network;
    requires transitive jcrosvm.serial;
    requires transitive jcrosvm.sound;
    requires transitive jcrosvm.virtio;

    exports jcrosvm.devices;
    // A program configures a VM by their records.
    exports jcrosvm.devices.block;
    exports jcrosvm.devices.console;
    exports jcrosvm.devices.net;
    exports jcrosvm.devices.snd;
    // The option language binds values to configuration records.
    exports jcrosvm.devices.balloon to
            jcrosvm.config;
    exports jcrosvm.devices.rng to
            jcrosvm.config;

    uses jcrosvm.devices.snd.SndHooks;
    uses jcrosvm.virtio.DeviceModule;

    // In the order in which the devices appear on the bus.
    provides jcrosvm.virtio.DeviceModule with
            jcrosvm.devices.console.ConsoleModule,
            jcrosvm.devices.block.BlockModule,
            jcrosvm.devices.rng.RngModule,
            jcrosvm.devices.balloon.BalloonModule,
            jcrosvm.devices.net.NetModule,
            jcrosvm.devices.snd.SndModule;
}
