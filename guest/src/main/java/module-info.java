/** Guest images made from packages: initramfs, kernels, modules. */
module jcrosvm.guest {
    requires static org.jspecify;

    exports jcrosvm.guest;
}
