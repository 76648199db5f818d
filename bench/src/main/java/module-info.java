/** Guests to measure with, and what is measured inside one JVM. */
module jcrosvm.bench {
    requires static org.jspecify;
    requires java.management;
    requires jcrosvm.devices;
    requires jcrosvm.disk;
    requires jcrosvm.guest;
    requires jcrosvm.vhostuser;
    requires jcrosvm.virtio;
    requires jcrosvm.vmm;
    requires jdk.management; // processor time and allocation of threads
}
