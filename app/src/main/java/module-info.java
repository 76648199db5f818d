/** The jcrosvm program. */
module jcrosvm.app {
    requires static org.jspecify;
    requires jcrosvm.control;
    requires jcrosvm.guest;
    requires jcrosvm.vmm;
}
