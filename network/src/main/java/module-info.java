/** The host's side of network devices. */
module jcrosvm.network {
    requires static org.jspecify;
    requires transitive jcrosvm.base;
    requires jcrosvm.config;

    exports jcrosvm.network;
    exports jcrosvm.network.user;
}
