/** Guests to measure with, and what is measured inside one JVM. */
module jcrosvm.bench {
    requires static org.jspecify;
    requires jcrosvm.guest;
    requires jcrosvm.vmm;
}
