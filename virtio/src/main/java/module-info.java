/** The virtio core. */
module jcrosvm.virtio {
    requires static org.jspecify;
    requires transitive jcrosvm.config;
    requires transitive jcrosvm.memory;

    exports jcrosvm.virtio;
    exports jcrosvm.virtio.relay;
    exports jcrosvm.virtio.vhost;
}
