/** Disk images. */
module jcrosvm.disk {
    requires static org.jspecify;
    requires transitive jcrosvm.base;

    exports jcrosvm.disk;
    exports jcrosvm.disk.raw;
}
