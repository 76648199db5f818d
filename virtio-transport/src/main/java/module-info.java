/** How a driver reaches a virtio device: over PCI and over memory-mapped registers. */
module jcrosvm.virtio.transport {
    requires static org.jspecify;
    requires transitive jcrosvm.bus;
    requires transitive jcrosvm.virtio;

    exports jcrosvm.virtio.transport;
}
