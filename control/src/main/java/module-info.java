/** The control socket: requests, server, client. */
module jcrosvm.control {
    requires static org.jspecify;
    requires transitive jcrosvm.vmm;

    exports jcrosvm.control;
}
