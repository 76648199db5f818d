/** Disk images. */
module jcrosvm.disk {
    requires static org.jspecify;
    requires jcrosvm.config;
    requires jcrosvm.unpack;
    requires transitive jcrosvm.base;

    exports jcrosvm.disk;
    exports jcrosvm.disk.composite;
    exports jcrosvm.disk.io;
    exports jcrosvm.disk.qcow2;
    exports jcrosvm.disk.raw;
}
