/** Guest images made from packages: initramfs, kernels, modules. */
module jcrosvm.guest {
    requires static org.jspecify;
    requires transitive jcrosvm.base;
    requires org.tukaani.xz;

    exports jcrosvm.guest;
}
