/** vhost-user: devices whose backend is somewhere else. */
module jcrosvm.vhostuser {
    requires static org.jspecify;
    requires transitive jcrosvm.sandbox;
    requires transitive jcrosvm.virtio;

    exports jcrosvm.vhostuser;
    exports jcrosvm.vhostuser.backend;
    exports jcrosvm.vhostuser.frontend;
    exports jcrosvm.vhostuser.bootstrap to
            jcrosvm.config; // reads and writes messages

    provides jcrosvm.virtio.DeviceModule with
            jcrosvm.vhostuser.frontend.VhostUserModule;
}
