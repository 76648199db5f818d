/** The operating system. Native access is granted to this module alone. */
module jcrosvm.base {
    requires static org.jspecify;
    requires jdk.unsupported; // sun.misc.Signal: SIGINT and SIGTERM

    exports jcrosvm.base;
    exports jcrosvm.base.io;
}
